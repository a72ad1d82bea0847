"""Prints what is found, record by record: for people, as CSV, or as one JSON object."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TextIO

from billing.listed_record import Fate, Listed
from billing.money import format_micros
from billing.period import format_timestamp
from qb.explain.conclusion import Conclusion
from qb.explain.scope import Amount, Asked, Figure

COLUMNS = ("partition", "offset", "time", "month", "amount", "type", "id", "fate", "reason", "detail")
_TEXT_ROW = "{:>9} {:>12}  {:24} {:>22}  {:16} {}"


_COUNTED_APART = {
    Fate.TAKES_BACK: "voids and replacements, which take events back",
    Fate.DUPLICATE: "duplicates, and in no sum",
    Fate.REJECTED: "rejected, and in no sum",
}

# How many records became what.
Fates = Counter[Fate]


class Output(Protocol):
    """Where an explanation goes. Nothing of it is kept."""

    def begin(self, asked: Asked) -> None:
        """Say what is explained."""
        ...

    def add(self, one: Listed) -> None:
        """List a record."""
        ...

    def end(self, asked: Asked, compared: Sequence[Figure], fates: Fates, conclusion: Conclusion) -> None:
        """Say what the records come to."""
        ...


class TextOutput:
    """Prints a line for each record, then the sums beside what is told."""

    def begin(self, asked: Asked) -> None:
        """Say what is explained."""
        print(f"{asked.title}, counted up to {_places(asked)}")
        print(_TEXT_ROW.format("partition", "offset", "time", "amount", "type", "id"))

    def add(self, one: Listed) -> None:
        """List a record."""
        amount = "" if one.amount_micros is None else format_micros(one.amount_micros)
        what = " ".join(filter(None, (one.id, _told(one))))
        print(_TEXT_ROW.format(one.partition, one.offset, _time(one), amount, one.type, what).rstrip())

    def end(self, asked: Asked, compared: Sequence[Figure], fates: Fates, conclusion: Conclusion) -> None:
        """Say what the records come to."""
        print()
        for figure in compared:
            word = "is" if figure.is_it else "IS NOT"
            print(f"{figure.month} {figure.type}: {_amount(figure.found)} {word} what is told, {_amount(figure.told)}")
        for fate, text in _COUNTED_APART.items():
            if fates[fate]:
                print(f"{text}: {fates[fate]:,}")
        _print_conclusion(conclusion, sys.stdout)


class CsvOutput:
    """Prints a row for each record; what they come to goes to standard error."""

    def begin(self, asked: Asked) -> None:
        """Print the names of the columns."""
        self._write(COLUMNS)

    def add(self, one: Listed) -> None:
        """List a record."""
        self._write(["" if value is None else value for value in fields_of(one).values()])

    def end(self, asked: Asked, compared: Sequence[Figure], fates: Fates, conclusion: Conclusion) -> None:
        """Say what the records come to."""
        _print_conclusion(conclusion, sys.stderr)

    def _write(self, values: Sequence[object]) -> None:
        csv.writer(sys.stdout, lineterminator="\n").writerow(values)


class JsonOutput:
    """Prints one JSON object, piece by piece; money is in decimal strings."""

    def __init__(self) -> None:
        self._separator = ""

    def begin(self, asked: Asked) -> None:
        """Begin the object and its list of records."""
        scope = asked.scope
        head = {
            "customer": scope.customer,
            "month": scope.last_month,
            "type": scope.type or None,
            "invoice": asked.invoice.number if asked.invoice else None,
            "counted_up_to": _offsets(asked),
        }
        print(f'{_dump(head)[:-1]}, "events": [', end="")

    def add(self, one: Listed) -> None:
        """List a record."""
        print(f"{self._separator}\n{_dump(fields_of(one))}", end="")
        self._separator = ","

    def end(self, asked: Asked, compared: Sequence[Figure], fates: Fates, conclusion: Conclusion) -> None:
        """End the list and the object."""
        tail = {
            "rejected": fates[Fate.REJECTED],
            "duplicates": fates[Fate.DUPLICATE],
            "taken_back": fates[Fate.TAKES_BACK],
            "figures": [
                {
                    "month": figure.month,
                    "type": figure.type,
                    "told": _document(figure.told),
                    "found": _document(figure.found),
                    "is_it": figure.is_it,
                }
                for figure in compared
            ],
            "conclusion": conclusion.kind.value,
            "sentence": conclusion.sentence,
            "notes": list(conclusion.notes),
        }
        print(f"], {_dump(tail)[1:]}")


def _told(one: Listed) -> str:
    match one.fate:
        case Fate.COUNTED:
            return ""
        case Fate.REJECTED:
            return f"rejected as {one.reason}: {one.detail}"
        case Fate.TAKES_BACK:
            return f"{one.reason} {one.detail}"
        case Fate.DUPLICATE:
            return f"duplicate: {one.detail}"
        case _:
            return one.fate.value


def fields_of(one: Listed) -> dict[str, object]:
    """Return a record as CSV and JSON have it."""
    return {
        "partition": one.partition,
        "offset": one.offset,
        "time": _time(one) or None,
        "month": one.month or None,
        "amount": None if one.amount_micros is None else format_micros(one.amount_micros),
        "type": one.type or None,
        "id": one.id or None,
        "fate": one.fate.value,
        "reason": one.reason or None,
        "detail": one.detail or None,
    }


def _print_conclusion(conclusion: Conclusion, file: TextIO) -> None:
    print(conclusion.sentence, file=file)
    for note in conclusion.notes:
        print(note, file=file)


def _time(one: Listed) -> str:
    return "" if one.timestamp_ms is None else format_timestamp(one.timestamp_ms)


def _offsets(asked: Asked) -> dict[str, int]:
    return {str(partition): end for partition, end in sorted(asked.scope.ends.items())}


def _places(asked: Asked) -> str:
    places = [f"{partition}@{end}" for partition, end in _offsets(asked).items()]
    return ", ".join(places) or "nothing"


def _amount(amount: Amount) -> str:
    micros, count = amount
    return f"{format_micros(micros)} ({count:,})"


def _document(amount: Amount) -> dict[str, object]:
    micros, count = amount
    return {"total": format_micros(micros), "count": count}


def _dump(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)
