"""The records of `billing.notifications`: what was decided of budgets, and what was sent.

=======================================================================  =====================================
key                                                                      value
=======================================================================  =====================================
``notification|{month}|{budget}|{percent}|{ordinal}|{kind}|{customer}``  a crossing: :class:`Notification`
``delivery|{id}``                                                        its sending: :class:`Delivery`
``budget|{name}``                                                        from when on: :class:`FirstMonth`
``reached``                                                              how far was counted: :class:`Reached`
``claim``                                                                who decides: :class:`Claimed`
``sender``                                                               who sends: :class:`Sender`
=======================================================================  =====================================

Each value is a JSON object with its version in ``v``. The customer comes last in its key and may hold any character.
A notification has a key of its own, so compaction keeps each. All but deliveries are written by the part that decides,
in its transactions; deliveries and its name by the one that sends.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from billing.notification import Delivery, DeliveryState, Kind, Notification, Threshold
from billing.subtotal import RecordError, load_versioned

VERSION = 1

KeyValue = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class FirstMonth:
    """The first month in which a budget is watched: the one in which it was first seen."""

    budget: str
    month: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Input partition -> offset up to which, exclusive, it was counted when the newest decision was made."""

    next_offsets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Claimed:
    """The name of whoever decides."""

    holder: str


@dataclass(frozen=True, slots=True)
class Sender:
    """The name of whoever sends."""

    holder: str


LedgerRecord = Notification | Delivery | FirstMonth | Reached | Claimed | Sender


def encode(record: LedgerRecord) -> KeyValue:
    """Return a record as the topic has it, key and value."""
    match record:
        case Notification(threshold=one):
            place = f"{one.month}|{one.budget}|{one.percent}|{record.ordinal}|{record.kind.value}|{one.customer}"
            return f"notification|{place}".encode(), _value(_notification_fields(record))
        case Delivery():
            fields = {name: value for name, value in asdict(record).items() if name != "id"}
            return f"delivery|{record.id}".encode(), _value(fields)
        case FirstMonth():
            return f"budget|{record.budget}".encode(), _value({"first_month": record.month})
        case Reached():
            offsets = {str(partition): offset for partition, offset in sorted(record.next_offsets.items())}
            return b"reached", _value({"next_offsets": offsets})
        case Claimed():
            return b"claim", _value({"holder": record.holder})
        case Sender():
            return b"sender", _value({"holder": record.holder})


def decode(key: bytes | None, value: bytes | None) -> LedgerRecord:
    """Return what :func:`encode` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: it is no such record.
    """
    if key is None or value is None:
        raise RecordError("a record of the notifications without key or value")
    fields = load_versioned(value, VERSION)
    try:
        kind, _, rest = key.decode().partition("|")
        match kind:
            case "notification":
                return _notification(rest, fields)
            case "delivery":
                first_ms, last_ms = int(fields["first_try_ms"]), int(fields["last_try_ms"])
                state, tries = DeliveryState(fields["state"]), int(fields["tries"])
                return Delivery(rest, state, tries, first_ms, last_ms, str(fields["reason"]))
            case "budget":
                return FirstMonth(rest, str(fields["first_month"]))
            case "reached":
                return Reached({int(one): int(offset) for one, offset in fields["next_offsets"].items()})
            case "claim":
                return Claimed(str(fields["holder"]))
            case "sender":
                return Sender(str(fields["holder"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        pass
    raise RecordError(f"not a record of the notifications: {key[:80]!r}")


def _value(fields: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"v": VERSION, **fields})


def _notification_fields(record: Notification) -> dict[str, Any]:
    return {
        "used": str(record.used),
        "limit": str(record.limit),
        "is_count": record.is_count,
        "type": record.type,
        "currency": record.currency,
        "decided_ms": record.decided_ms,
    }


def _notification(place: str, fields: Mapping[str, Any]) -> Notification:
    month, budget, percent, ordinal, kind, customer = place.split("|", 5)
    return Notification(
        threshold=Threshold(budget, month, customer, int(percent)),
        ordinal=int(ordinal),
        kind=Kind(kind),
        used=int(fields["used"]),
        limit=int(fields["limit"]),
        is_count=bool(fields["is_count"]),
        type=str(fields["type"]),
        currency=str(fields["currency"]),
        decided_ms=int(fields["decided_ms"]),
    )
