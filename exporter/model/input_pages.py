"""A customer's records in the input, page by page: what is asked for, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.listed_record import Listed


class InputUnavailableError(Exception):
    """The input can't be read now: the message says why."""


@dataclass(frozen=True)
class PageAsked:
    """What a page is of.

    Args:
        customer: whose records.
        month: of which month; a record whose month cannot be told comes too.
        type: of which type; empty: of any.
        offsets: input partition -> where the page begins; others begin at 0.
        ends: input partition -> offset to read up to, exclusive.
        most: how many records to list at most.
    """

    customer: str
    month: str
    type: str
    offsets: Mapping[int, int]
    ends: Mapping[int, int]
    most: int

    def holds(self, one: Listed) -> bool:
        """Return whether a record belongs here. What cannot be told of a rejected one does not exclude it."""
        return one.month in ("", self.month) and (not self.type or one.type in ("", self.type))


@dataclass(frozen=True)
class InputPage:
    """A page.

    Args:
        listed: the records, those of an input partition in the order of their offsets.
        offsets: input partition -> where the next page begins.
    """

    listed: Sequence[Listed]
    offsets: Mapping[int, int]


class InputPages(Protocol):
    """Reads pages. Safe to use from several threads."""

    def read(self, asked: PageAsked) -> InputPage:
        """Return a page; it is short, or empty, when as much was read as may be at once.

        Raises:
            InputUnavailableError: the input can't be read now.
        """
        ...
