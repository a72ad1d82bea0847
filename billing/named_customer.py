"""Whom a record that cannot be billed seems to name, and what else can be told of it: a guess, for people who look.

It is never billed by: an event is what :func:`billing.event.decode_event` reads, and nothing else.
"""

import csv
import json
import re
from dataclasses import dataclass

from billing.event_time import EventTimeError, parse_event_time

# So much of a record is looked at: an event names its customer at its beginning.
LOOKED_AT_BYTES = 65_536

_CUSTOMER = re.compile(r'"customer"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+)')
_TIMESTAMP = re.compile(r'"timestamp"\s*:\s*("(?:[^"\\]|\\.)*"|[0-9]+)')
_TYPE = re.compile(r'"type"\s*:\s*("(?:[^"\\]|\\.)*")')
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a record seems to say.

    Args:
        customer: whom it names, without spaces around; empty if that cannot be told.
        timestamp_ms: its event time in milliseconds; None if that cannot be told.
        type: its type in upper case; empty if it names none, or that cannot be told.
    """

    customer: str = ""
    timestamp_ms: int | None = None
    type: str = ""


def guess_event(value: bytes | None) -> Guess:
    """Return what a record's value seems to say. Nothing that a value may hold is an error."""
    text = (value or b"")[:LOOKED_AT_BYTES].decode("utf-8", "replace").strip(_SPACE + "\ufeff\x00")
    customer, timestamp, type_ = _of_json(text) if text.startswith(("{", "[")) else _of_csv(text)
    return Guess(customer.strip(), _time(timestamp.strip()), type_.strip().upper())


def may_name(value: bytes | None, customer: bytes) -> bool:
    """Return False if a record surely does not name a customer; it costs little."""
    return value is not None and (customer in value or b"\\" in value or b'""' in value)


def _of_json(text: str) -> tuple[str, str, str]:
    customer, timestamp, type_ = (_found(pattern, text) for pattern in (_CUSTOMER, _TIMESTAMP, _TYPE))
    return customer, timestamp, type_


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if match is None:
        return ""
    try:
        return str(json.loads(match[1], strict=False))
    except ValueError:
        return match[1].strip('"')


def _of_csv(text: str) -> tuple[str, str, str]:
    line = text.splitlines()[0] if text else ""
    try:
        fields = next(csv.reader([line]), [])
    except csv.Error:
        fields = line.split(",")
    timestamp, customer, _, type_ = [*fields, "", "", "", ""][:4]
    return customer, timestamp, type_


def _time(text: str) -> int | None:
    try:
        return parse_event_time(text)
    except EventTimeError:
        return None
