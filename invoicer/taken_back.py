"""Totals that hold fewer events than were billed: right if voids and replacements took them back, else they are lost.

Each void and each replacement takes back one event, and the progress records count them. So no more events can be
missing than they say, and none may be while the input is counted anew.
"""

from collections.abc import Mapping

from billing.errors import OperatorError
from billing.subtotal import Progress, TypeSums


class TotalsLostError(OperatorError):
    """The totals hold less than was billed, and nothing took it back: the message says of whom."""


def missing_events(difference: TypeSums) -> int:
    """Return how many events were billed that the totals do not hold, by what is not billed of each type."""
    return sum(-count for _, count in difference.values() if count < 0)


def can_be_taken_back(missing: int, progress: Mapping[int, Progress], billed_offsets: Mapping[int, int]) -> bool:
    """Say whether voids and replacements can have taken events back.

    Args:
        missing: how many events that were billed the totals do not hold.
        progress: how far each input partition has been counted.
        billed_offsets: input partition -> offset up to which it was counted when the newest month was closed.
    """
    taken_back = sum(one.voids + one.replaces for one in progress.values())
    counted_anew = any(
        progress.get(partition, Progress()).next_offset < offset for partition, offset in billed_offsets.items()
    )
    return missing <= taken_back and not counted_anew
