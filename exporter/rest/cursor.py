"""Cursors: where a page of customers ended, and what it was a page of."""

import base64
import binascii
from dataclasses import asdict, dataclass

import orjson

from billing.period import parse_month
from exporter.model.view import Sort
from exporter.web.problems import bad_parameter

_FIELDS = ("month", "type", "prefix", "sort", "value", "customer")
# More than any sum has: Python refuses to read thousands, and takes its time for hundreds of thousands.
_MAX_DIGITS = 60


@dataclass(frozen=True)
class Selection:
    """What a list of customers is of: a month, one type or all, a prefix, an order."""

    month: str
    type: str | None
    prefix: str
    sort: Sort


@dataclass(frozen=True)
class Cursor:
    """The place after which a page begins: the value and name of the last row before, as they were then."""

    selection: Selection
    value: int
    customer: str


def encode(cursor: Cursor) -> str:
    """Return a cursor as text that goes into a URL as it is."""
    fields = {**asdict(cursor.selection), "value": str(cursor.value), "customer": cursor.customer}
    return base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Return what :func:`encode` encoded.

    Raises:
        ProblemError: it is no cursor.
    """
    try:
        fields = orjson.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        month, type_, prefix, sort, value, customer = (fields[name] for name in _FIELDS)
        if not all(isinstance(text, str) for text in (month, prefix, value, customer)) or len(value) > _MAX_DIGITS:
            raise ValueError("a field is no text")
        if type_ is not None and not isinstance(type_, str):
            raise ValueError("type is neither a text nor null")
        return Cursor(Selection(parse_month(month), type_, prefix, Sort(sort)), int(value), customer)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad_parameter("cursor", "is not the `next` of a page") from None
