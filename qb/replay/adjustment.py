"""Adjustments: the events by which a replay corrects a month, and how they are known again.

An adjustment is named by what it corrects: month, cause, type, and the number of adjustments of the same before it. So
two that correct the same state have the same name, whoever makes them: at most one of them counts. The customer's name
is not part of it, for an id is one of a customer.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from billing.money import MAX_AMOUNT_MICROS, AmountError, format_micros, parse_amount
from billing.runtime.native.block import PartitionRecords, joined
from processor.kernel.select import values_naming

_MARK = b'"adjustment":"qb-replay/'
_NAME = re.compile(r"qb-replay/([0-9]{4}-[0-9]{2})/([a-z0-9-]+)/([A-Z0-9_]+)/([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class Place:
    """What adjustments correct: a live month of a customer and type, and why.

    Args:
        customer: whose it is.
        month: the month by which the processors count.
        cause: `rules`, or the edge over which events move.
        type: the event type.
    """

    customer: str
    month: str
    cause: str
    type: str


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One correction.

    Args:
        place: what it corrects.
        number: 1 for the first of its place.
        micros: what it adds.
    """

    place: Place
    number: int
    micros: int

    @property
    def name(self) -> str:
        """What it is known by among the records of its customer."""
        place = self.place
        return f"qb-replay/{place.month}/{place.cause}/{place.type}/{self.number}"


def adjustments(place: Place, last_number: int, micros: int) -> list[Adjustment]:
    """Return the adjustments that add up to an amount: one, or several if it is too large for one event."""
    found: list[Adjustment] = []
    sign = -1 if micros < 0 else 1
    while micros:
        part = sign * min(abs(micros), MAX_AMOUNT_MICROS)
        found.append(Adjustment(place, last_number + len(found) + 1, part))
        micros -= part
    return found


def encode_adjustment(adjustment: Adjustment, timestamp_ms: int, with_id: bool) -> tuple[bytes, bytes]:
    """Return the event's key and value.

    Args:
        adjustment: what it says.
        timestamp_ms: its event time.
        with_id: whether its name is also its id.
    """
    fields = {
        "timestamp": timestamp_ms,
        "customer": adjustment.place.customer,
        "amount": format_micros(adjustment.micros),
        "type": adjustment.place.type,
        "adjustment": adjustment.name,
    }
    if with_id:
        fields["id"] = adjustment.name
    return adjustment.place.customer.encode(), json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def decode_adjustment(value: bytes | None) -> Adjustment | None:
    """Return the adjustment that a record's value holds, None if it holds none."""
    if value is None or _MARK not in value:
        return None
    try:
        fields = json.loads(value)
        match = _NAME.fullmatch(fields["adjustment"])
        micros = parse_amount(fields["amount"])
        customer = fields["customer"]
    except (ValueError, KeyError, TypeError, AmountError):
        return None
    if match is None or not isinstance(customer, str):
        return None
    return Adjustment(Place(customer, match[1], match[2], match[3]), int(match[4]), micros)


class AdjustmentFinder:
    """Finds adjustments among many records: compiled code looks at all, Python at those that it finds."""

    def __init__(self) -> None:
        # The buffer is kept, for its address is.
        self._buffer, addresses, lengths = joined([_MARK])
        self._address, self._length = int(addresses[0]), int(lengths[0])
        self._found: NDArray[np.int64] = np.empty(0, np.int64)

    def find(self, records: PartitionRecords) -> dict[int, Adjustment]:
        """Return adjustments by their positions, ascending."""
        if len(records) > len(self._found):
            self._found = np.empty(len(records), np.int64)
        count = values_naming(records.values, records.value_lengths, self._address, self._length, self._found)
        positions: Sequence[int] = self._found[:count].tolist()
        decoded = {position: decode_adjustment(records.value(position)) for position in positions}
        return {position: one for position, one in decoded.items() if one is not None}
