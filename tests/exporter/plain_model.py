"""The read model as plainly as it can be said: dicts of sums, and everything sorted whenever it is asked for.

What it says is what the exporter's must say, in the same order. It knows no columns, no kernel and no threads.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from billing.runtime.topic_reader import Record
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    HourKey,
    Progress,
    ProgressKey,
    RecordError,
    SubtotalKey,
    SumsKey,
    hour_block,
)
from billing.sums import NO_SUMS, Sums, TypeTable, event_count, minus, of_slot, plus, total_micros
from exporter.model.decoding import decode
from exporter.model.intake import Account, Books

Name = TypeVar("Name", str, int)


@dataclass
class PlainIntake:
    """What one input partition has sent."""

    books: Books = field(default_factory=Books)
    staged: dict[SumsKey, Sums | None] = field(default_factory=dict)
    staged_progress: Progress | None = None
    progress: Progress | None = None


class PlainModel:
    """Takes the records that :class:`exporter.model.read_model.ReadModel` takes.

    Args:
        types: the configured types.
    """

    def __init__(self, types: Iterable[str]) -> None:
        self.types = TypeTable(types)
        self.is_ready = False
        self.partials: dict[tuple[int, SumsKey], Sums] = {}
        self.months: dict[str, dict[str, Sums]] = {}
        self.hours: dict[int, Sums] = {}
        self.names: set[str] = set()
        self.intakes: defaultdict[int, PlainIntake] = defaultdict(PlainIntake)
        self.next_offsets: dict[int, int] = {}
        self.read = self.unreadable = self.shown = 0

    def apply(self, records: Iterable[Record]) -> None:
        """Take records in."""
        touched = set()
        for record in records:
            if record.offset < self.next_offsets.get(record.partition, 0):
                continue
            self.next_offsets[record.partition] = record.offset + 1
            self.read += 1
            try:
                key, value = decode(record, self.types)
            except RecordError:
                self.unreadable += 1
                continue
            touched.add(key.partition)
            self._receive(self.intakes[key.partition], key, value)
        for partition in () if self.is_ready else touched:
            self.show(self.intakes[partition])

    def show(self, intake: PlainIntake) -> None:
        """Let out what was kept back."""
        for key, sums in intake.staged.items():
            self._put(key, sums)
        intake.staged = {}
        intake.progress, intake.staged_progress = intake.staged_progress or intake.progress, None

    def ranked(self, month: str, by_count: bool, slot: int | None) -> list[str]:
        """Return a month's customers, highest first."""
        part = 1 if by_count else 0
        entries = []
        for name, sums in self.months.get(month, {}).items():
            pair = (total_micros(sums), event_count(sums)) if slot is None else of_slot(sums, slot)
            if slot is None or pair[1]:
                entries.append((-pair[part], name))
        return [name for _, name in sorted(entries)]

    def month_sums(self, month: str) -> Sums:
        """Return the sums of a month."""
        total = NO_SUMS
        for sums in self.months.get(month, {}).values():
            total = plus(total, sums)
        return total

    def _receive(self, intake: PlainIntake, key: SubtotalKey, value: object) -> None:
        if isinstance(key, ProgressKey):
            progress = value if isinstance(value, Progress) else Progress()
            intake.staged_progress = progress
            intake.books.progress = Account(progress.accepted_micros, progress.events)
        elif isinstance(key, HourBlockKey) and isinstance(value, dict):
            for at, sums in value.items():
                self._enter(intake, HourKey(key.partition, at), sums)
        elif isinstance(key, HourBlockKey):
            for hour in self._hours_of(intake, key):
                self._enter(intake, hour, None)
        else:
            assert value is None or isinstance(value, tuple)
            self._enter(intake, key, value)
        if self.is_ready and intake.staged_progress is not None and intake.books.agree:
            self.show(intake)
            self.shown += 1

    def _hours_of(self, intake: PlainIntake, key: HourBlockKey) -> set[HourKey]:
        known = {*intake.staged, *(of for partition, of in self.partials if partition == key.partition)}
        return {of for of in known if isinstance(of, HourKey) and hour_block(of.hour_start_ms)[0] == key.block_start_ms}

    def _enter(self, intake: PlainIntake, key: SumsKey, sums: Sums | None) -> None:
        account = intake.books.customers if isinstance(key, CustomerMonthKey) else intake.books.hours
        account.replace(intake.staged.get(key, self.partials.get((key.partition, key))), sums)
        intake.staged[key] = sums
        if not self.is_ready:
            self._put(key, intake.staged.pop(key))

    def _put(self, key: SumsKey, sums: Sums | None) -> None:
        old = self.partials.pop((key.partition, key), None)
        if sums is not None:
            self.partials[key.partition, key] = sums
        if isinstance(key, CustomerMonthKey):
            self.names.add(key.customer)
            _change(self.months.setdefault(key.month, {}), key.customer, old, sums)
            if not self.months[key.month]:
                del self.months[key.month]
        else:
            _change(self.hours, key.hour_start_ms, old, sums)


def _change(known: dict[Name, Sums], name: Name, old: Sums | None, new: Sums | None) -> None:
    after = plus(minus(known.get(name, NO_SUMS), old or NO_SUMS), new or NO_SUMS)
    if any(after):
        known[name] = after
    else:
        known.pop(name, None)
