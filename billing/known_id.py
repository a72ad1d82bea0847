"""What an id of a customer was counted for, as those keep it who recount or list events."""

from dataclasses import dataclass, replace
from typing import Protocol

from billing.event import BillableEvent, Void

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class KnownId:
    """What an id was counted for.

    Args:
        offset: of the record.
        day: the UTC day of event time, since 1970, by which it is kept.
        timestamp_ms: the event's time in milliseconds; None for a void, which has none.
        amount_micros: the event's amount.
        type: the event's type.
        target: the id that it takes back; empty if it takes none back.
        taken_by: the offset of what took the event back; -1 if nothing did.
    """

    offset: int
    day: int
    timestamp_ms: int | None
    amount_micros: int
    type: str
    target: str = ""
    taken_by: int = -1

    @property
    def is_void(self) -> bool:
        """Whether it is the id of a void."""
        return self.timestamp_ms is None

    def taken_back(self, offset: int) -> "KnownId":
        """Return it as taken back by the record at an offset."""
        return replace(self, taken_by=offset)

    def says(self, record: BillableEvent | Void) -> bool:
        """Return whether a record has the content that the id was counted for."""
        mine = self.timestamp_ms, self.amount_micros, self.type, self.target
        if isinstance(record, Void):
            return mine == (None, 0, "", record.target)
        return mine == (record.timestamp_ms, record.amount_micros, record.type, record.replaces)


class Ids(Protocol):
    """The ids that were counted of one input partition."""

    def find(self, customer: str, id_: str, first_day: int) -> KnownId | None:
        """Return what an id was counted for; None if it was not, or for a day before the first one kept."""
        ...

    def put(self, customer: str, id_: str, known: KnownId) -> None:
        """Keep an id, in place of what it was counted for before."""
        ...


def target_of(record: BillableEvent | Void) -> str:
    """Return the id that a record takes back; empty if it takes none back."""
    return record.target if isinstance(record, Void) else record.replaces


def known_as(offset: int, record: BillableEvent | Void, day: int) -> KnownId:
    """Return what is known of a record's id once it is counted.

    Args:
        offset: the record's.
        record: the record.
        day: the day by which what it takes back is kept; a void is kept by the same.
    """
    if isinstance(record, Void):
        return KnownId(offset, day, None, 0, "", record.target)
    return KnownId(
        offset, record.timestamp_ms // DAY_MS, record.timestamp_ms, record.amount_micros, record.type, record.replaces
    )
