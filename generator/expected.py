"""The exact totals of what was generated, counted from the truth that each event carries, and their JSON file."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from billing.event import BillableEvent, Reason
from billing.period import MonthCalendar
from billing.runtime.whole_file import whole_text
from generator.events import GeneratedEvent

VERSION = 3

Key = TypeVar("Key")


@dataclass
class ExpectedTotals:
    """What billing must arrive at.

    Args:
        calendar: the billing periods.
        customers: (month, customer, type) -> [total in micros, number of events], of what has any events left.
        hours: (hour's start in milliseconds, type) -> the same.
        accepted: how many records are to be accepted: events, voids and replacements.
        accepted_micros: the sum of the amounts of all events that are not taken back.
        voids: how many of the accepted take an event back.
        replaces: how many of them are events that take the place of another.
        duplicates: how many records repeat another.
        rejected: how many records are to be rejected, by reason.
        newest_ms: the newest event time to be accepted, in milliseconds; -1 before the first.
    """

    calendar: MonthCalendar
    customers: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    hours: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    accepted: int = 0
    accepted_micros: int = 0
    voids: int = 0
    replaces: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    newest_ms: int = -1

    @property
    def records(self) -> int:
        """All records: to be accepted, to be rejected, and duplicates."""
        return self.accepted + self.rejected.total() + self.duplicates

    @property
    def events(self) -> int:
        """How many events are to be billed: those accepted and not taken back."""
        return self.accepted - 2 * self.voids - self.replaces

    def add(self, generated: GeneratedEvent) -> None:
        """Count one record. The order in which they are counted does not matter."""
        if generated.reason is Reason.DUPLICATE:
            self.duplicates += 1
        elif generated.reason is not None:
            self.rejected[str(generated.reason)] += 1
        else:
            self._accept(generated.expected, generated.takes_back)

    def _accept(self, event: BillableEvent | None, taken_back: BillableEvent | None) -> None:
        self.accepted += 1
        if event is not None:
            self._add(event, 1)
            self.newest_ms = max(self.newest_ms, event.timestamp_ms)
            self.replaces += taken_back is not None
        else:
            self.voids += 1
        if taken_back is not None:
            self._add(taken_back, -1)

    def _add(self, event: BillableEvent, sign: int) -> None:
        month = self.calendar.month_of(event.timestamp_ms)
        _add_to(self.customers, (month, event.customer, event.type), sign * event.amount_micros, sign)
        hour_ms = self.calendar.local.hour_start_ms(event.timestamp_ms)
        _add_to(self.hours, (hour_ms, event.type), sign * event.amount_micros, sign)
        self.accepted_micros += sign * event.amount_micros

    def write(self, path: Path) -> None:
        """Write the totals to a JSON file; :func:`read_expected` reads it. A reader never sees half of it.

        A device or a pipe is written as it is.

        Raises:
            OSError: the file cannot be written.
        """
        with whole_text(path) as file:
            file.write(json.dumps(self._as_json(), indent=1))

    def _as_json(self) -> Mapping[str, Any]:
        return {
            "v": VERSION,
            "time_zone": self.calendar.zone.key,
            "accepted": self.accepted,
            "accepted_micros": self.accepted_micros,
            "voids": self.voids,
            "replaces": self.replaces,
            "duplicates": self.duplicates,
            "rejected": dict(sorted(self.rejected.items())),
            "newest_ms": self.newest_ms,
            "customers": [[*key, *sums] for key, sums in sorted(self.customers.items())],
            "hours": [[*key, *sums] for key, sums in sorted(self.hours.items())],
        }


def _add_to(sums: dict[Key, list[int]], key: Key, micros: int, count: int) -> None:
    """Add to the sums of a key, which goes when nothing is left."""
    pair = sums.setdefault(key, [0, 0])
    pair[0] += micros
    pair[1] += count
    if pair == [0, 0]:
        del sums[key]


def read_expected(path: Path) -> ExpectedTotals:
    """Return the totals that :meth:`ExpectedTotals.write` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file, or of another version.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("v") != VERSION:
        raise ValueError(f"{path} holds no expected totals of version {VERSION}")
    return ExpectedTotals(
        calendar=MonthCalendar(content["time_zone"]),
        customers={(month, customer, type_): sums for month, customer, type_, *sums in content["customers"]},
        hours={(hour, type_): sums for hour, type_, *sums in content["hours"]},
        accepted=content["accepted"],
        accepted_micros=content["accepted_micros"],
        voids=content["voids"],
        replaces=content["replaces"],
        duplicates=content["duplicates"],
        rejected=Counter(content["rejected"]),
        newest_ms=content["newest_ms"],
    )
