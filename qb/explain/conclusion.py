"""Whether the events are the number, in one word and in one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from billing.money import format_micros
from qb.explain.scope import Asked, Figure


class Kind(StrEnum):
    """How a comparison ends."""

    IS_IT = "is_it"
    """The events add up to the number, to the micro."""

    IS_NOT_IT = "is_not_it"
    """They do not, and all of them are there."""

    CANNOT_BE_TOLD = "cannot_be_told"
    """They do not, but records were deleted that may be what is missing."""


@dataclass(frozen=True)
class Conclusion:
    """What is concluded.

    Args:
        kind: in one word.
        sentence: for people.
        notes: what else has to be known to judge it.
    """

    kind: Kind
    sentence: str
    notes: tuple[str, ...] = ()


def conclude(asked: Asked, compared: Sequence[Figure], deleted: Mapping[str, Mapping[int, int]]) -> Conclusion:
    """Say whether the events are the number.

    Args:
        asked: what was asked.
        compared: its figures.
        deleted: topic -> partition -> how many offsets of its beginning are gone.
    """
    differing = [figure for figure in compared if not figure.is_it]
    events = sum(figure.found[1] for figure in compared)
    total = format_micros(sum(figure.found[0] for figure in compared))
    if not differing:
        return Conclusion(Kind.IS_IT, f"{asked.title} is these events: {events:,} of them, {total} in all")
    notes = tuple(
        f"{topic}[{partition}] begins at offset {start}: what was before it is deleted"
        for topic, starts in deleted.items()
        for partition, start in sorted(starts.items())
        if start > 0
    )
    places = "; ".join(_difference(figure) for figure in differing)
    if notes:
        return Conclusion(Kind.CANNOT_BE_TOLD, f"{asked.title} cannot be told from what is left: {places}", notes)
    return Conclusion(Kind.IS_NOT_IT, f"{asked.title} is not these events: {places}", (_hint(asked),))


def _difference(figure: Figure) -> str:
    (told, told_count), (found, found_count) = figure.told, figure.found
    return (
        f"{figure.month} {figure.type}: told {format_micros(told)} ({told_count:,}), "
        f"found {format_micros(found)} ({found_count:,})"
    )


def _hint(asked: Asked) -> str:
    if asked.invoice is None:
        return "qb audit compares everything; it must have the settings of the processors, and so must this command"
    return (
        "an invoice counts up to its offsets at least: if it was made while more was being counted, the next one of "
        "this customer makes up for it; qb audit compares everything"
    )
