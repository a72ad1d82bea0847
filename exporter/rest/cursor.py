"""Cursors: where a page of customers ended, and what it was a page of."""

import base64
import binascii
from dataclasses import asdict, dataclass

import orjson

from exporter.model.view import Sort
from exporter.web.problems import bad_parameter


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
        selection = Selection(str(fields["month"]), fields["type"], str(fields["prefix"]), Sort(fields["sort"]))
        return Cursor(selection, int(fields["value"]), str(fields["customer"]))
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad_parameter("cursor", "is not the `next` of a page") from None
