"""A session: all that the one who decides holds from taking the ledger over to leaving or losing it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.budget import Budget
from billing.claim import Claim
from billing.notification_ledger import Claimed, FirstMonth
from billing.runtime.logs import get_logger
from budgets.decider import Decider
from budgets.ledger import Ledger
from budgets.usage import Usage

logger = get_logger(__name__)


class SubtotalsFeed(Protocol):
    """Feeds the usage from `billing.subtotals`."""

    def poll(self, usage: Usage) -> None:
        """Take in what is waiting."""
        ...

    def catch_up(self, usage: Usage) -> bool:
        """Take in all that was written before this call; return whether that came to an end."""
        ...

    @property
    def is_late(self) -> bool:
        """Whether what was read last is so old that compaction may have taken records from between."""
        ...


@dataclass(frozen=True)
class DecidingSession:
    """What a session is to the one who runs it."""

    usage: Usage
    ledger: Ledger
    decider: Decider
    feed: SubtotalsFeed
    claim: Claim

    def begin(self) -> int:
        """Read all subtotals and tell what is due. Returns how many notifications were told.

        Raises:
            LedgerLostError: begin a new session.
        """
        return self.decider.tell() if self._catch_up() else 0

    def go_on(self) -> int:
        """Take in what is waiting and tell what is due. Returns how many notifications were told.

        Raises:
            FencedError: another one decides.
            LedgerLostError: begin a new session.
        """
        self.feed.poll(self.usage)
        if self.feed.is_late and not self._catch_up():
            return 0
        return self.decider.tell()

    def check_claim(self) -> None:
        """Find out whether another one has taken over.

        Raises:
            FencedError: it has.
            LedgerLostError: the ledger does not end in time.
        """
        self.ledger.read(waits=False)
        self.claim.check(self.ledger.told.holder)

    def _catch_up(self) -> bool:
        done = self.feed.catch_up(self.usage)
        self.usage.note_end()
        return done


def open_session(
    ledger: Ledger,
    feed: SubtotalsFeed,
    claim: Claim,
    budgets: Sequence[Budget],
    currency: str,
    month: Callable[[], str],
    now_ms: Callable[[], int],
) -> DecidingSession:
    """Take the ledger over and be ready to decide.

    1. Unless this is its first session, leave if another one has claimed the ledger meanwhile: don't fence it.
    2. Fence every other one: from here on nobody else writes, and what one left open is undone. Read the ledger, which
       is final now.
    3. Leave if a newer one has claimed it between 1 and 2.
    4. Claim it, and note from which month on budgets are watched that are new.

    Args:
        ledger: read from its start.
        feed: where the usage comes from.
        claim: the same one for all sessions.
        budgets: those that are watched.
        currency: of the amounts.
        month: the month that is now.
        now_ms: the wall clock, in milliseconds.

    Raises:
        FencedError: a newer one has claimed the ledger.
        LedgerLostError: another one takes over at this moment; only the next session tells whether it is newer.
        RecordError: a record that this program can't read.
    """
    # Step 1.
    ledger.read(waits=False)
    if claim.has_predecessor:
        claim.check(ledger.told.holder)

    # Steps 2 and 3.
    ledger.take_over()
    claim.check(ledger.told.holder)

    # Step 4.
    unseen = [one for one in budgets if one.first_month is None and one.name not in ledger.told.first_months]
    ledger.commit([*(FirstMonth(budget.name, month()) for budget in unseen), Claimed(claim.name)])

    told = ledger.told.first_months
    usage = Usage(budgets, {budget.name: budget.first_month or told[budget.name] for budget in budgets})
    return DecidingSession(usage, ledger, Decider(budgets, usage, ledger, currency, now_ms), feed, claim)
