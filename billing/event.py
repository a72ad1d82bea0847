"""Billable events: the two forms they take on the wire and the closed list of reasons to refuse one.

CSV is ``timestamp,customer,amount[,type[,id]]`` in UTF-8 with RFC 4180 quotes allowed, one event per record; JSON is an
object with the same field names. What is exact and unambiguous is accepted, however it is spelled; what is ambiguous
is rejected: docs/events.md has the tables. Which of the two forms a record has, its first character decides; line
ends around it are ignored. An empty type or id counts as absent. JSON may nest :data:`MAX_JSON_DEPTH` deep: a limit
of its own, because Python's depends on its version and on who calls, and what is an event may depend on neither.

The `id` is the sender's own name for an event of a customer: it counts once. As JSON a record may also take back what
an id added, ``{"void": id, "customer": ...}``, or put another event in its place, ``{"replace": id, ...the event}``;
either may have an id itself. docs/once.md has the rules.
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing.event_time import EventTimeError, parse_event_time
from billing.money import FRACTION_DIGITS, MAX_AMOUNT_MICROS, AmountError, TooPreciseError, micros_or_mistake
from billing.period import format_timestamp

MAX_CUSTOMER_CHARACTERS = 200
MAX_ID_CHARACTERS = 200
MAX_JSON_DEPTH = 100
DEFAULT_TYPES = ("MESSAGE", "DATA", "CALL", "PACK", "MISC")
DEFAULT_TYPE = "MISC"

# One that does not end is taken whole, too: looked for an end again at each quote in it, it would cost seconds.
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_QUOTED = re.compile(r'"[^"]*"?')
# What makes a line more than its fields between commas, but for line ends behind it.
_NEEDS_CARE = re.compile(r'"|[\r\n]+[^\r\n]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

FIELDS = ("timestamp", "customer", "amount", "type", "id", "void", "replace")
_ONE_EVENT = "send one event per record"

# 2000-01-01T00:00:00Z
DEFAULT_MIN_EVENT_MS = 946_684_800_000


class Reason(StrEnum):
    """Why a record cannot be billed: the value of the `reason` header in the rejected topic.

    Those of :data:`REASONS_OF_ORDER` depend on what came before; the others on the record alone. A duplicate is no
    mistake: it is counted apart, and is in the rejected topic only where `keep_duplicates` asks for that.
    """

    MALFORMED = "malformed"
    BAD_TIMESTAMP = "bad_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    BAD_CUSTOMER = "bad_customer"
    BAD_AMOUNT = "bad_amount"
    TOO_PRECISE = "too_precise"
    UNKNOWN_TYPE = "unknown_type"
    TOO_LARGE = "too_large"
    ID_CONFLICT = "id_conflict"
    TOO_OLD = "too_old_to_deduplicate"
    UNKNOWN_ID = "unknown_id"
    ALREADY_VOIDED = "already_voided"
    DUPLICATE = "duplicate"


REASONS_OF_ORDER = frozenset(
    (Reason.ID_CONFLICT, Reason.TOO_OLD, Reason.UNKNOWN_ID, Reason.ALREADY_VOIDED, Reason.DUPLICATE)
)


class EventRejectedError(ValueError):
    """An event that cannot be billed: `reason` from the closed list, `detail` for the person who mends it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True, slots=True)
class BillableEvent:
    """One thing to bill: who, when (milliseconds), how much (micros; negative is a credit) and of which type.

    `id` is empty where the sender gave none. `replaces` is the id of the customer's event that it takes the place of.
    """

    timestamp_ms: int
    customer: str
    amount_micros: int
    type: str = DEFAULT_TYPE
    id: str = ""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Void:
    """Takes back exactly what a customer's id, `target`, added. `id` is its own, empty where the sender gave none."""

    customer: str
    target: str
    id: str = ""


@dataclass(frozen=True)
class EventRules:
    """What an event must keep to besides its form.

    Args:
        types: the event types billed, upper case.
        default_type: the type of an event that names none; one of `types`.
        max_event_bytes: the size from which on a record is too large, exclusive.
        max_future_ms: how far past now an event time may lie.
        min_event_ms: the earliest event time.
    """

    types: tuple[str, ...] = DEFAULT_TYPES
    default_type: str = DEFAULT_TYPE
    max_event_bytes: int = 16_384
    max_future_ms: int = 86_400_000
    min_event_ms: int = DEFAULT_MIN_EVENT_MS

    def type_of(self, text: str) -> str:
        """Return the type that a field names, whatever its case; an empty field names the default type.

        Raises:
            EventRejectedError: no such type.
        """
        if not text:
            return self.default_type
        name = text.upper()
        # Other alphabets have letters that become one of ours in upper case.
        if not text.isascii() or name not in self.types:
            raise EventRejectedError(Reason.UNKNOWN_TYPE, f"type {text[:40]!r} is not one of {', '.join(self.types)}")
        return name


def check_customer(customer: str) -> str:
    """Return `customer` if it can name one: 1 to 200 characters, no control characters, no space at either end.

    Raises:
        EventRejectedError: it cannot.
    """
    if not customer:
        raise EventRejectedError(Reason.BAD_CUSTOMER, "customer is empty")
    if len(customer) > MAX_CUSTOMER_CHARACTERS:
        raise EventRejectedError(
            Reason.BAD_CUSTOMER, f"customer has {len(customer)} characters; {MAX_CUSTOMER_CHARACTERS} are allowed"
        )
    if customer != customer.strip():
        raise EventRejectedError(Reason.BAD_CUSTOMER, f"customer {customer[:40]!r} begins or ends with a space")
    if _CONTROL.search(customer):
        raise EventRejectedError(Reason.BAD_CUSTOMER, f"customer {customer[:40]!r} has a control character")
    return customer


def decode_event(payload: bytes | None, rules: EventRules, now_ms: int) -> BillableEvent:
    """Return the event that a record's value holds; as :func:`decode_record`, for those who bill no voids.

    Raises:
        EventRejectedError: it breaks a rule, or is a void.
    """
    event = decode_record(payload, rules, now_ms)
    if isinstance(event, Void):
        raise EventRejectedError(Reason.MALFORMED, "a void, which takes an event back and is none")
    return event


def decode_record(payload: bytes | None, rules: EventRules, now_ms: int) -> BillableEvent | Void:
    """Return the event that a record's value holds, or the void.

    Args:
        payload: the record's value; None is a record without one.
        rules: what it must keep to.
        now_ms: the time against which `max_future_ms` is measured, in milliseconds.

    Raises:
        EventRejectedError: it breaks a rule; the first one found, in the order of the fields, is named.
    """
    if payload is None:
        raise EventRejectedError(Reason.MALFORMED, "the record has no value")
    if len(payload) > rules.max_event_bytes:
        raise EventRejectedError(
            Reason.TOO_LARGE, f"the record has {len(payload)} bytes; {rules.max_event_bytes} are allowed"
        )
    _check_first_bytes(payload)
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EventRejectedError(Reason.MALFORMED, f"not UTF-8 at byte {error.start}") from None
    stripped = text.strip(" \t\r\n")
    if stripped.startswith("{"):
        return _from_json(stripped, rules, now_ms)
    if stripped.startswith("["):
        raise EventRejectedError(Reason.MALFORMED, f"a JSON array; {_ONE_EVENT}")
    return _from_csv(text.strip("\r\n"), rules, now_ms)


def mistake_behind(fields: int, rest: bytes, rules: EventRules) -> tuple[Reason, str] | None:
    """Return why :func:`decode_record` rejects a line, None if it may not; by what follows fields that are right.

    Args:
        fields: how many are right, two or three: the timestamp, the customer, and the amount.
        rest: all that follows the comma behind these.
        rules: what an event must keep to.
    """
    try:
        text = rest.decode("utf-8")
    except UnicodeDecodeError:
        return None
    left = text.rstrip("\r\n").split(",")
    if _NEEDS_CARE.search(text) or not 3 <= fields + len(left) <= 5:
        return None
    if fields == 2:
        micros = micros_or_mistake(left[0])
        if isinstance(micros, AmountError):
            return _of_amount(micros)
        del left[0]
    try:
        if left:
            rules.type_of(left[0])
    except EventRejectedError as error:
        return error.reason, error.detail
    return None


def customer_of(payload: bytes | None) -> str | None:
    """Return the customer that a record's value names, whether it can be billed or not; None if that cannot be told.

    Of what :func:`decode_record` accepts it is the same customer. It depends on nothing but the bytes.
    """
    try:
        _check_first_bytes(payload or b"")
        text = (payload or b"").decode("utf-8")
        stripped = text.strip(" \t\r\n")
        if stripped.startswith("{"):
            return check_customer(_json_text(_load_json(stripped), "customer", Reason.BAD_CUSTOMER))
        fields = _split_csv(text.strip("\r\n"))
        return check_customer(fields[1]) if 3 <= len(fields) <= 5 else None
    except (EventRejectedError, UnicodeDecodeError):
        return None


def _check_first_bytes(payload: bytes) -> None:
    if payload.startswith(b"\xef\xbb\xbf"):
        raise EventRejectedError(Reason.MALFORMED, "begins with a UTF-8 byte order mark; send the event without it")
    if payload.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EventRejectedError(Reason.MALFORMED, "begins with a UTF-16 byte order mark; send UTF-8")
    if payload.startswith(b"\x00") and len(payload) > 5:
        raise EventRejectedError(
            Reason.MALFORMED, "begins with a schema registry's prefix (0x00 and 4 bytes); send the event without it"
        )


def _from_csv(line: str, rules: EventRules, now_ms: int) -> BillableEvent:
    fields = _split_csv(line)
    if not 3 <= len(fields) <= 5:
        raise EventRejectedError(
            Reason.MALFORMED, f"{len(fields)} field(s); expected timestamp,customer,amount[,type[,id]]"
        )
    timestamp, customer, amount, type_, id_ = [*fields, "", ""][:5]
    return BillableEvent(
        timestamp_ms=_check_time(_time(timestamp), rules, now_ms),
        customer=check_customer(customer),
        amount_micros=_amount(amount),
        type=rules.type_of(type_),
        id=_check_id(id_),
    )


def _split_csv(line: str) -> list[str]:
    bare = _QUOTED.sub("", line) if '"' in line else line
    if "\n" in bare or "\r" in bare:
        raise EventRejectedError(Reason.MALFORMED, f"several lines; {_ONE_EVENT}")
    return _split_quoted(line) if '"' in line else line.split(",")


def _split_quoted(line: str) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(line, newline=""), strict=True))
    except csv.Error as error:
        raise EventRejectedError(Reason.MALFORMED, f"not CSV: {error}") from None
    return rows[0]


def _from_json(text: str, rules: EventRules, now_ms: int) -> BillableEvent | Void:
    fields = _load_json(text)
    if _names(fields, "void"):
        return _void(fields)
    return BillableEvent(
        timestamp_ms=_check_time(_json_timestamp(fields), rules, now_ms),
        customer=check_customer(_json_text(fields, "customer", Reason.BAD_CUSTOMER)),
        amount_micros=_json_amount(fields),
        type=rules.type_of(_json_text(fields, "type", Reason.UNKNOWN_TYPE)),
        id=_json_id(fields, "id"),
        replaces=_json_id(fields, "replace"),
    )


def _void(fields: Mapping[str, Any]) -> Void:
    for name in ("replace", "timestamp", "amount", "type"):
        if _names(fields, name):
            raise EventRejectedError(
                Reason.MALFORMED, f"{name} beside void, which takes back all of an event and has only customer and id"
            )
    customer = check_customer(_json_text(fields, "customer", Reason.BAD_CUSTOMER))
    return Void(customer, _json_id(fields, "void"), _json_id(fields, "id"))


def _names(fields: Mapping[str, Any], name: str) -> bool:
    """Say whether a field is there and not empty."""
    return fields.get(name) not in (None, "")


def _json_id(fields: Mapping[str, Any], name: str) -> str:
    return _check_id(_json_text(fields, name, Reason.MALFORMED), name)


def _load_json(text: str) -> Mapping[str, Any]:
    if _nests_too_deep(text):
        raise EventRejectedError(Reason.MALFORMED, f"JSON nested deeper than {MAX_JSON_DEPTH}")
    try:
        loaded = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text[error.pos] in "{[":
            raise EventRejectedError(Reason.MALFORMED, f"several JSON values; {_ONE_EVENT}") from None
        raise EventRejectedError(Reason.MALFORMED, f"not JSON: {error}") from None
    except (ValueError, ArithmeticError) as error:
        raise EventRejectedError(Reason.MALFORMED, f"not JSON: {error}") from None
    return _fields_of(loaded)


def _fields_of(pairs: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    """Return the event's fields among the pairs of a JSON object, each of which may come once."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in FIELDS:
            continue
        if name in fields:
            raise EventRejectedError(Reason.MALFORMED, f"{name} comes more than once")
        fields[name] = value
    return fields


def _nests_too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for character in _JSON_STRING.sub("", text):
        if character in "{[":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif character in "}]":
            depth -= 1
    return False


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _json_text(fields: Mapping[str, Any], name: str, reason: Reason) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if name != "type" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise EventRejectedError(reason, f"{name} is not a string")
    return value


def _json_timestamp(fields: Mapping[str, Any]) -> int:
    value = fields.get("timestamp")
    if isinstance(value, str):
        return _time(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise EventRejectedError(Reason.BAD_TIMESTAMP, "timestamp is neither a number nor a string")
    if isinstance(value, Decimal):
        return _time(_plain_text(value))
    return _time(str(value))


def _plain_text(value: Decimal) -> str:
    """Return a number without an exponent, if that is not longer than the number was."""
    if not 0 <= value.adjusted() <= 20:
        raise EventRejectedError(Reason.BAD_TIMESTAMP, "timestamp is out of range")
    return format(value, "f")


def _time(text: str) -> int:
    try:
        return parse_event_time(text)
    except EventTimeError as error:
        raise EventRejectedError(Reason.BAD_TIMESTAMP, f"timestamp {error}") from None


def _json_amount(fields: Mapping[str, Any]) -> int:
    value = fields.get("amount")
    if isinstance(value, str):
        return _amount(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise EventRejectedError(Reason.BAD_AMOUNT, "amount is neither a number nor a decimal string")
    micros = value * int(10**FRACTION_DIGITS) if isinstance(value, int) else _decimal_micros(value)
    if abs(micros) > MAX_AMOUNT_MICROS:
        raise EventRejectedError(Reason.BAD_AMOUNT, "amount is not below 10^12")
    return micros


def _decimal_micros(value: Decimal) -> int:
    sign, numbers, exponent = value.as_tuple()
    digits = "".join(map(str, numbers))
    significant = digits.rstrip("0").lstrip("0")
    if not significant:
        return 0
    if not isinstance(exponent, int) or value.adjusted() > 18:
        raise EventRejectedError(Reason.BAD_AMOUNT, "amount is too large")
    exponent += len(digits) - len(digits.rstrip("0"))
    if exponent < -FRACTION_DIGITS:
        raise EventRejectedError(Reason.TOO_PRECISE, f"amount has {-exponent} fractional digits; 6 are allowed")
    micros = int(significant) * int(10 ** (exponent + FRACTION_DIGITS))
    return -micros if sign else micros


def _amount(text: str) -> int:
    micros = micros_or_mistake(text)
    if isinstance(micros, AmountError):
        raise EventRejectedError(*_of_amount(micros))
    return micros


def _of_amount(mistake: AmountError) -> tuple[Reason, str]:
    reason = Reason.TOO_PRECISE if isinstance(mistake, TooPreciseError) else Reason.BAD_AMOUNT
    return reason, f"amount {mistake}"


def _check_time(timestamp_ms: int, rules: EventRules, now_ms: int) -> int:
    if timestamp_ms < rules.min_event_ms:
        raise EventRejectedError(
            Reason.BAD_TIMESTAMP,
            f"event time {_readable(timestamp_ms)} lies before min_event_time {_readable(rules.min_event_ms)}",
        )
    if timestamp_ms > now_ms + rules.max_future_ms:
        raise EventRejectedError(
            Reason.FUTURE_TIMESTAMP,
            f"event time {_readable(timestamp_ms)} lies more than {rules.max_future_ms // 1_000} s "
            f"after {_readable(now_ms)}",
        )
    return timestamp_ms


def _readable(timestamp_ms: int) -> str:
    try:
        return format_timestamp(timestamp_ms)
    except (ValueError, OverflowError, OSError):
        return f"{timestamp_ms} ms"


def _check_id(text: str, name: str = "id") -> str:
    if len(text) > MAX_ID_CHARACTERS:
        raise EventRejectedError(
            Reason.MALFORMED, f"{name} has {len(text)} characters; {MAX_ID_CHARACTERS} are allowed"
        )
    if _CONTROL.search(text):
        raise EventRejectedError(Reason.MALFORMED, f"{name} {text[:40]!r} has a control character")
    return text
