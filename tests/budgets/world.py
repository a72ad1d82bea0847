"""Topics in memory for those who decide, with kills and transactions that end too early, all from one seed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from billing import subtotal
from billing.budget import Budget
from billing.claim import Claim
from billing.notification import Notification
from billing.notification_ledger import KeyValue, decode
from billing.runtime.ledger_writer import LedgerLostError
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey
from budgets.ledger import Ledger
from budgets.reading import read_subtotal
from budgets.session import DecidingSession, open_session
from budgets.usage import Usage
from tests.budgets.model import Event, Told


class Killed(BaseException):
    """`kill -9`."""


@dataclass
class Subtotals:
    """`billing.subtotals` as processors write it: absolute sums, and a progress record at the end of each commit."""

    records: list[KeyValue] = field(default_factory=list)
    counted: list[Event] = field(default_factory=list)
    pending: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))

    def commit(self, partition: int, events: Sequence[Event]) -> None:
        """Count events of an input partition in one commit, and those of a torn one before it."""
        self.counted += [*self.pending.pop(partition, []), *events]
        self.records += self._sums(partition, self.counted)
        of_it = [one for one in self.counted if one.partition == partition]
        progress = Progress(next_offset=len(of_it), accepted=len(of_it), accepted_micros=sum(e.micros for e in of_it))
        self.records.append((subtotal.encode_key(ProgressKey(partition)), subtotal.encode_progress(progress)))

    def tear(self, partition: int, events: Sequence[Event], length: int) -> None:
        """Write only the first records of a commit; the events are read, and written, again by the next one."""
        self.pending[partition] += events
        whole = [*self.counted, *self.pending[partition]]
        self.records += list(self._sums(partition, whole))[:length]

    def compacted(self) -> list[KeyValue]:
        """Return the newest record of each key, in the order in which they were written."""
        newest = {key: place for place, (key, _) in enumerate(self.records)}
        return [self.records[place] for place in sorted(newest.values())]

    def _sums(self, partition: int, events: Iterable[Event]) -> list[KeyValue]:
        sums: dict[CustomerMonthKey, dict[str, tuple[int, int]]] = defaultdict(dict)
        for one in events:
            if one.partition == partition:
                types = sums[CustomerMonthKey(partition, one.month, one.customer)]
                micros, count = types.get(one.type, (0, 0))
                types[one.type] = (micros + one.micros, count + 1)
        return [(subtotal.encode_key(key), subtotal.encode_sums(types)) for key, types in sums.items()]


class Feed:
    """Reads the subtotals from a compacted start."""

    is_late = False

    def __init__(self, subtotals: Subtotals) -> None:
        self._subtotals = subtotals
        self._start = subtotals.compacted()
        self._next = len(subtotals.records)

    def poll(self, usage: Usage) -> None:
        for key, value in [*self._start, *self._subtotals.records[self._next :]]:
            read_subtotal(usage, key, value, "UTC")
        self._start, self._next = [], len(self._subtotals.records)

    def catch_up(self, usage: Usage) -> bool:
        self.poll(usage)
        return True


class Log:
    """The ledger's topic: committed records, and who may write."""

    def __init__(self) -> None:
        self.records: list[KeyValue] = []
        self.epoch = 0
        # Of a transaction whose commit was taken, and whose markers are not written yet.
        self.committing: list[KeyValue] = []

    def notifications(self) -> list[Told]:
        """Return what was told, in the order of the ledger."""
        return [
            told_of(record) for record in (decode(*one) for one in self.records) if isinstance(record, Notification)
        ]


def told_of(one: Notification) -> Told:
    """Return a notification as the plain model has it."""
    place = one.threshold
    return place.budget, place.month, place.customer, place.percent, one.ordinal, one.kind.value, one.used


class Reader:
    """Reads the log once, from its start."""

    def __init__(self, log: Log) -> None:
        self._log, self._next = log, 0

    def read(self, waits: bool) -> list[KeyValue]:
        records = self._log.records[self._next :]
        self._next = len(self._log.records)
        return records


FAULTS = (
    "killed_before",
    "killed_amid",
    "killed_after",
    "killed_committing",
    "torn",
    "refused",
    "asked_twice",
    "aborted",
    "half_aborted",
)


class FaultyWriter:
    """Ends transactions as a bad day would.

    Args:
        log: what is written.
        random: says which transaction fails, and how.
        share: of transactions that fail, asked at each.
    """

    def __init__(self, log: Log, random: Random, share: Callable[[], float]) -> None:
        self._log, self._random, self._share = log, random, share
        self._epoch = -1

    def take_over(self) -> None:
        self._log.epoch += 1
        self._log.records += self._log.committing
        self._log.committing.clear()
        self._epoch = self._log.epoch

    def commit(self, records: Sequence[KeyValue]) -> None:
        if self._epoch != self._log.epoch:
            raise LedgerLostError("fenced")
        fault = self._random.choice(FAULTS) if self._random.random() < self._share() else ""
        some = self._random.randint(0, len(records))
        kept = {
            "killed_before": [],
            "killed_committing": [],
            "killed_amid": records[:some],
            "torn": records[:some],
            "refused": [],
            "aborted": [],
            "half_aborted": records[some:],
        }.get(fault, records)
        self._log.records += kept
        if fault == "killed_committing":
            self._log.committing += records
        if fault.startswith("killed"):
            raise Killed(fault)
        if fault in ("torn", "refused", "asked_twice"):
            raise LedgerLostError(fault)


def open_in_memory(
    subtotals: Subtotals, log: Log, writer: FaultyWriter, budgets: Sequence[Budget], claim: Claim
) -> DecidingSession:
    """Open a session over topics in memory, in January 2026, and begin it."""
    session = open_session(
        Ledger(Reader(log), writer), Feed(subtotals), claim, budgets, "EUR", lambda: "2026-01", lambda: 1
    )
    session.begin()
    return session
