"""Takes records in: at once while nobody looks yet, or kept back until their commits are whole.

What was parsed goes in many at once, in the same order as if it had gone in one by one.
"""

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np

from billing.subtotal import HourBlockKey, Progress, ProgressKey
from billing.sums import Sums
from exporter.kernel.arrays import Integers
from exporter.model.cube import Cube
from exporter.model.decoding import Hours, Subtotal
from exporter.model.intake import Intake, by_month
from exporter.model.received import Received

Intakes = Mapping[int, Intake]


def load(cube: Cube, intakes: Intakes, received: Received, now_seconds: float) -> None:
    """Let records into the cube at once.

    Args:
        cube: where they are shown.
        intakes: of all input partitions that the records are about.
        received: the records.
        now_seconds: of a monotonic clock.
    """
    done = 0
    for at, subtotal in received.told:
        place = int(np.searchsorted(received.plain, at))
        _load_parsed(cube, intakes, received, received.plain[done:place])
        done = place
        _load_told(intakes[subtotal[0].partition], subtotal, now_seconds)
    _load_parsed(cube, intakes, received, received.plain[done:])


def _load_parsed(cube: Cube, intakes: Intakes, received: Received, positions: Integers) -> None:
    for number, chosen in by_month(positions, received.parsed):
        for partition, sums in cube.put_parsed(number, chosen, received.parsed).items():
            intakes[partition].books.customers.add(sums)


def _load_told(intake: Intake, subtotal: Subtotal, now_seconds: float) -> None:
    key, value = subtotal
    if isinstance(key, ProgressKey):
        intake.stage_progress(cast("Progress | None", value), now_seconds)
    elif isinstance(key, HourBlockKey):
        intake.load_hours(key, cast("Hours | None", value))
    else:
        intake.load(key, cast("Sums | None", value))


class Staging:
    """Keeps records back, and tells when a commit of an input partition is whole.

    Args:
        intakes: of all input partitions that the records are about.
        received: the records.
        now_seconds: of a monotonic clock.
        show: called with the intake of which a commit is whole.
    """

    def __init__(
        self, intakes: Intakes, received: Received, now_seconds: float, show: Callable[[Intake], None]
    ) -> None:
        self._intakes = intakes
        self._parsed = received.parsed
        self._told = received.told
        self._now_seconds = now_seconds
        self._show = show
        inputs = received.parsed.inputs[received.plain]
        # Input partition -> the positions of what was parsed of it and is not entered yet.
        self._left = {one: received.plain[inputs == one] for one in np.unique(inputs).tolist()}

    def run(self) -> None:
        """Enter all."""
        for at, subtotal in self._told:
            self._one_by_one(at)
            partition = subtotal[0].partition
            self._enter_before(partition, at)
            self._enter_told(self._intakes[partition], subtotal)
        self._one_by_one(None)
        for partition in self._left:
            self._enter_before(partition, None)

    def _enter_before(self, partition: int, end: int | None) -> None:
        """Enter what was parsed of an input partition, up to a position."""
        left = self._left.get(partition)
        if left is not None:
            place = len(left) if end is None else int(np.searchsorted(left, end))
            self._enter_parsed(partition, left[:place])
            self._left[partition] = left[place:]

    def _one_by_one(self, end: int | None) -> None:
        """Enter what was parsed of those of which a progress record has come already: any may make a commit whole."""
        while nexts := [
            (int(left[0]), partition)
            for partition, left in self._left.items()
            if len(left) and (end is None or left[0] < end) and self._intakes[partition].staged_progress is not None
        ]:
            at, partition = min(nexts)
            self._enter_before(partition, at + 1)
            self._show_if_whole(self._intakes[partition])

    def _enter_parsed(self, partition: int, positions: Integers) -> None:
        if len(positions):
            self._intakes[partition].stage_parsed(positions, self._parsed, self._now_seconds)

    def _enter_told(self, intake: Intake, subtotal: Subtotal) -> None:
        key, value = subtotal
        if isinstance(key, ProgressKey):
            intake.stage_progress(cast("Progress | None", value), self._now_seconds)
        elif isinstance(key, HourBlockKey):
            intake.stage_hours(key, cast("Hours | None", value), self._now_seconds)
        else:
            intake.stage(key, cast("Sums | None", value), self._now_seconds)
        self._show_if_whole(intake)

    def _show_if_whole(self, intake: Intake) -> None:
        if intake.whole:
            self._show(intake)
