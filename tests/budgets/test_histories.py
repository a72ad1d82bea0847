"""A thousand histories of events, credits, kills and torn transactions: each notification is told exactly once."""

from random import Random

import pytest

from billing.budget import Budget
from billing.claim import Claim
from billing.runtime.ledger_writer import LedgerLostError
from budgets.session import DecidingSession
from tests.budgets.model import Event, PlainModel
from tests.budgets.world import FaultyWriter, Killed, Log, Subtotals, open_in_memory

HISTORIES = 1_000
PER_TEST = 200
SLOW = pytest.mark.slow("histories of budgets")
PARTITIONS = 3
CUSTOMERS = ("Ada", "Bob", "acme-1", "acme-2")
MONTHS = ("2025-12", "2026-01", "2026-02")
TYPES = ("CALL", "DATA")
SCOPES = (None, "Ada", "acme-*", "*")


def some_budgets(random: Random) -> list[Budget]:
    """Budgets of each form, with limits that the events below cross often."""
    budgets = []
    for number in range(random.randint(1, 4)):
        thresholds = random.sample(range(10, 160, 10), random.randint(1, 3))
        budgets.append(
            Budget(
                name=f"b{number}",
                customer=random.choice(SCOPES),
                type=random.choice((None, *TYPES)),
                thresholds=tuple(thresholds),
                hysteresis=random.choice((0, 5, 9)),
                first_month=random.choice(("2025-01", "2026-01")),
                **random.choice(({"amount": "10"}, {"count": 8})),
            )
        )
    return budgets


def some_events(random: Random, partition: int) -> list[Event]:
    """A few charges and credits."""
    return [
        Event(
            partition,
            random.choice(MONTHS),
            random.choice(CUSTOMERS),
            random.choice(TYPES),
            random.randint(-4_000_000, 5_000_000),
        )
        for _ in range(random.randint(1, 5))
    ]


class History:
    """One that decides, again and again, until a session holds; and a model that looks whenever it does."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.budgets = some_budgets(self.random)
        self.model = PlainModel(self.budgets)
        self.subtotals, self.log = Subtotals(), Log()
        self._share = self.random.choice((0, 0.2, 0.6))
        self._claim = Claim("ledger")
        self._session: DecidingSession | None = None
        self.opened = 0

    def count(self) -> None:
        """Let processors commit, or tear a commit."""
        partition = self.random.randrange(PARTITIONS)
        events = some_events(self.random, partition)
        if self.random.random() < 0.2:
            self.subtotals.tear(partition, events, self.random.randint(0, 3))
        else:
            self.subtotals.commit(partition, events)

    def compare(self) -> None:
        """Have both look at what is counted. Whoever is killed, or loses its session, begins anew until it holds."""
        if self._session is None:
            self._finish_torn()
        self.model.compare(self.subtotals.counted)
        while True:
            try:
                if self._session is None:
                    self._open()
                else:
                    self._session.go_on()
                return
            except Killed:
                self._session, self._claim = None, Claim("ledger")
            except LedgerLostError:
                self._session = None

    def leave(self) -> None:
        """Have it stop, or have another one take over, which is the same to the ledger."""
        self._session, self._claim = None, Claim("ledger")

    def share(self) -> float:
        """Return the share of transactions that fail. Whoever begins anew behind a torn commit waits: see below."""
        return 0 if self.subtotals.pending else self._share

    def _finish_torn(self) -> None:
        for partition in list(self.subtotals.pending):
            self.subtotals.commit(partition, [])

    def _open(self) -> None:
        self.opened += 1
        writer = FaultyWriter(self.log, self.random, self.share)
        self._session = open_in_memory(self.subtotals, self.log, writer, self.budgets, self._claim)


@pytest.mark.parametrize(
    "first",
    [pytest.param(first, marks=SLOW if first else ()) for first in range(0, HISTORIES, PER_TEST)],
)
def test_each_notification_is_told_exactly_once(first: int) -> None:
    """The ledger holds what the model says, each once and in the order of its threshold."""
    for seed in range(first, first + PER_TEST):
        history = History(seed)
        for _ in range(history.random.randint(5, 25)):
            for _ in range(history.random.randint(1, 3)):
                history.count()
            if history.random.random() < 0.1:
                history.leave()
            history.compare()
        told = history.log.notifications()
        assert sorted(told) == sorted(history.model.told), f"seed {seed}"
        assert len({one[:6] for one in told}) == len(told), f"seed {seed}"
        for threshold in {one[:4] for one in told}:
            steps = [one[4:6] for one in told if one[:4] == threshold]
            wanted = [(ordinal, kind) for ordinal in range(1, len(steps) + 1) for kind in ("triggered", "resolved")]
            assert steps == wanted[: len(steps)], f"seed {seed}"


def test_the_histories_are_not_peaceful() -> None:
    """They hold notifications of both kinds, second crossings, and sessions that were lost."""
    told, opened = [], 0
    for seed in range(60):
        history = History(seed)
        for _ in range(15):
            history.count()
            history.compare()
        told += history.log.notifications()
        opened += history.opened
    assert {one[5] for one in told} == {"triggered", "resolved"}
    assert max(one[4] for one in told) > 1
    assert opened > 200
