"""The exact totals of what was generated, counted from the truth that each event carries, and their JSON file."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from billing.event import BillableEvent
from billing.period import MonthCalendar
from generator.events import GeneratedEvent

VERSION = 2


@dataclass
class ExpectedTotals:
    """What billing must arrive at.

    Args:
        calendar: the billing periods.
        customers: (month, customer, type) -> [total in micros, number of events].
        hours: (hour's start in milliseconds, type) -> the same.
        accepted: how many events are to be billed.
        accepted_micros: the sum of their amounts.
        rejected: how many records are to be rejected, by reason.
        newest_ms: the newest event time to be billed, in milliseconds; -1 before the first.
    """

    calendar: MonthCalendar
    customers: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    hours: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    accepted: int = 0
    accepted_micros: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    newest_ms: int = -1

    @property
    def records(self) -> int:
        """All records: to be billed and to be rejected."""
        return self.accepted + self.rejected.total()

    def add(self, generated: GeneratedEvent) -> None:
        """Count one record."""
        if generated.expected is None:
            self.rejected[str(generated.reason)] += 1
        else:
            self._add_event(generated.expected)

    def _add_event(self, event: BillableEvent) -> None:
        month = self.calendar.month_of(event.timestamp_ms)
        for sums in (
            self.customers.setdefault((month, event.customer, event.type), [0, 0]),
            self.hours.setdefault((self.calendar.local.hour_start_ms(event.timestamp_ms), event.type), [0, 0]),
        ):
            sums[0] += event.amount_micros
            sums[1] += 1
        self.accepted += 1
        self.accepted_micros += event.amount_micros
        self.newest_ms = max(self.newest_ms, event.timestamp_ms)

    def write(self, path: Path) -> None:
        """Write the totals to a JSON file; :func:`read_expected` reads it. A reader never sees half of it.

        Raises:
            OSError: the file cannot be written.
        """
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(self._as_json(), indent=1), encoding="utf-8")
        temporary.replace(path)

    def _as_json(self) -> Mapping[str, Any]:
        return {
            "v": VERSION,
            "time_zone": self.calendar.zone.key,
            "accepted": self.accepted,
            "accepted_micros": self.accepted_micros,
            "rejected": dict(sorted(self.rejected.items())),
            "newest_ms": self.newest_ms,
            "customers": [[*key, *sums] for key, sums in sorted(self.customers.items())],
            "hours": [[*key, *sums] for key, sums in sorted(self.hours.items())],
        }


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
        rejected=Counter(content["rejected"]),
        newest_ms=content["newest_ms"],
    )
