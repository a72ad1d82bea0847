"""Marks, among records that are listed, the events that another one of them takes back."""

from collections.abc import Iterable
from dataclasses import replace

from billing.listed_record import Fate, Listed


class Marks:
    """What is taken back, as far as it is known. Note the records first, then mark them."""

    def __init__(self) -> None:
        self._fates: dict[tuple[int, int], Fate] = {}

    def note(self, one: Listed) -> None:
        """Take in a record: it may take an event back."""
        if one.taken_offset >= 0:
            self._fates[one.partition, one.taken_offset] = Fate.VOIDED if one.reason == "void" else Fate.REPLACED

    def mark(self, one: Listed) -> Listed:
        """Return a record as it is listed: an event that is taken back with the way in which that was done."""
        fate = self._fates.get((one.partition, one.offset)) if one.fate is Fate.COUNTED else None
        return one if fate is None else replace(one, fate=fate)


def marked_among(listed: Iterable[Listed]) -> list[Listed]:
    """Return records with those marked that one of them takes back."""
    records, marks = list(listed), Marks()
    for one in records:
        marks.note(one)
    return [marks.mark(one) for one in records]
