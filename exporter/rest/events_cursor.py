"""Cursors of lists of events: how far the input is read, up to where, and what has been found so far."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from billing.listed_record import Listed
from billing.period import parse_month
from exporter.web.problems import bad_parameter

Amount = tuple[int, int]
# More than any sum has.
_MAX_DIGITS = 60
_MAX_OFFSET = 2**63 - 1


@dataclass(frozen=True)
class EventsCursor:
    """Where a list stands.

    Args:
        month: the month that is listed.
        type: the type that is listed; empty: any.
        offsets: of each input partition, where the next page begins.
        ends: of each, the offset up to which, exclusive, the number counts.
        told: what the number was when the list began: micros and events.
        found: what the pages so far add up to.
    """

    month: str
    type: str
    offsets: tuple[int, ...]
    ends: tuple[int, ...]
    told: Amount
    found: Amount

    @property
    def read(self) -> int:
        """How many offsets are behind the list."""
        return sum(min(offset, end) for offset, end in zip(self.offsets, self.ends, strict=True))

    @property
    def is_done(self) -> bool:
        """Whether all is read."""
        return self.read == sum(self.ends)

    def after(self, listed: Sequence[Listed], offsets: Mapping[int, int]) -> "EventsCursor":
        """Return where it stands after a page."""
        micros = sum(one.amount_micros or 0 for one in listed)
        return replace(
            self,
            offsets=tuple(offsets.get(partition, 0) for partition in range(len(self.ends))),
            found=(self.found[0] + micros, self.found[1] + sum(one.events for one in listed)),
        )


def first(month: str, type_: str, ends: Mapping[int, int], told: Amount) -> EventsCursor:
    """Return where a list begins."""
    partitions = max(ends, default=-1) + 1
    of_each = tuple(ends.get(partition, 0) for partition in range(partitions))
    return EventsCursor(month, type_, (0,) * partitions, of_each, told, (0, 0))


def encode(cursor: EventsCursor) -> str:
    """Return a cursor as text that goes into a URL as it is."""
    sums = [str(number) for number in (*cursor.told, *cursor.found)]
    fields = [cursor.month, cursor.type, cursor.offsets, cursor.ends, sums]
    return base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")


def decode(text: str) -> EventsCursor:
    """Return what :func:`encode` encoded.

    Raises:
        ProblemError: it is no cursor.
    """
    try:
        month, type_, offsets, ends, sums = orjson.loads(
            base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        )
        told, told_count, found, found_count = (_number(one) for one in sums)
        if not isinstance(type_, str) or len(offsets) != len(ends):
            raise ValueError("not what was encoded")
        places = tuple(map(_offset, offsets)), tuple(map(_offset, ends))
        return EventsCursor(parse_month(month), type_, *places, (told, told_count), (found, found_count))
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad_parameter("cursor", "is not the `next` of a page") from None


def _number(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("a number of too many digits")
    return int(text)


def _offset(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_OFFSET:
        raise ValueError("not an offset")
    return value
