"""Who sends: of several `qb notify` the one that claimed the ledger last. The others leave.

Each writes a record with a name of its own before it sends, and goes on reading the ledger. It sends from where it
reads its own name on; one that reads another name behind its own leaves. So of any number that are started at once,
the one whose record comes last stays.
"""

import secrets

from billing.claim import FencedError
from billing.notification_ledger import Sender

RUNBOOK = "docs/runbook.md#fenced-notify"


class SendingClaim:
    """The claim of one `qb notify`, over all of its sessions: a session reads the ledger from its start.

    Args:
        ledger: the ledger's name, for the message.
        name: its own name, which no other one has.
    """

    def __init__(self, ledger: str, name: str | None = None) -> None:
        self._ledger = ledger
        self.name = name or secrets.token_hex(8)
        self._newest = ""
        self._was_held = False
        self.had_another = False
        """Whether another one has claimed the ledger before."""

    @property
    def is_held(self) -> bool:
        """Whether the newest claim that was read in this session is its own."""
        return self._newest == self.name

    @property
    def record(self) -> Sender:
        """What to write to claim the ledger."""
        return Sender(self.name)

    def begin(self) -> None:
        """Begin a session: the ledger is read from its start again."""
        self._newest = ""

    def read(self, record: Sender) -> None:
        """Take a claim in, those of the ledger in their order.

        Raises:
            FencedError: another one has come since.
        """
        if self.is_held and record.holder != self.name:
            raise self._fenced()
        self._newest = record.holder
        self._was_held = self._was_held or self.is_held
        self.had_another = self.had_another or not self.is_held

    def check(self) -> None:
        """Go on once all that there was is read. Compaction may have taken an own claim that another followed.

        Raises:
            FencedError: another one has come since.
        """
        if self._was_held and self._newest and not self.is_held:
            raise self._fenced()

    def _fenced(self) -> FencedError:
        return FencedError(
            f"another qb notify has taken over the ledger {self._ledger}: only one can run, and it was started later; "
            f"this one stops, nothing is lost, see {RUNBOOK}"
        )
