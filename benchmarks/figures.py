"""What a row of the table comes to: figures, each with its aim, and what is drawn of it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class Side(Enum):
    """On which side of the limit a figure should be."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True)
class Aim:
    """What a figure should come to."""

    side: Side
    limit: float

    def met_by(self, value: float) -> bool:
        """Say whether a value is what it should be."""
        return value >= self.limit if self.side is Side.AT_LEAST else value <= self.limit

    def __str__(self) -> str:
        return f"{self.side.value} {number(self.limit)}"


def at_least(limit: float) -> Aim:
    """Return the aim of a figure that should be high."""
    return Aim(Side.AT_LEAST, limit)


def at_most(limit: float) -> Aim:
    """Return the aim of a figure that should be low."""
    return Aim(Side.AT_MOST, limit)


@dataclass(frozen=True)
class Figure:
    """One number of a row.

    Args:
        what: what was measured.
        against: what it is compared with; empty if it stands for itself.
        value: the ratio, or the number.
        aim: what it should come to; None if there is none.
        unit: of the number; empty for a ratio.
    """

    what: str
    against: str
    value: float
    aim: Aim | None = None
    unit: str = ""


@dataclass(frozen=True)
class Plot:
    """What is drawn: numbers by name, as bars; or as lines over the first axis if a name has several points.

    Args:
        unit: of the numbers.
        lines: name -> points; one point, at 0, for a bar.
        axis: what the first axis is, for lines.
    """

    unit: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    axis: str = ""


def bars(unit: str, values: Mapping[str, float]) -> Plot:
    """Return a plot of one bar for each value."""
    return Plot(unit, {name: [(0.0, value)] for name, value in values.items()})


@dataclass(frozen=True)
class Outcome:
    """What one repetition of a row comes to.

    Args:
        figures: the numbers that have aims, or that are worth a line.
        details: what they were made of, for people.
        plot: what is drawn.
    """

    figures: Sequence[Figure]
    details: str
    plot: Plot = field(default_factory=lambda: Plot("", {}))


def median_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """Return an outcome whose every number is the median of the repetitions'; the details are those of the middle one.

    All must come from the same row.
    """
    columns = zip(*(outcome.figures for outcome in outcomes), strict=True)
    figures = [_median_figure(column) for column in columns]
    middle = sorted(outcomes, key=lambda outcome: outcome.figures[0].value)[len(outcomes) // 2]
    return Outcome(figures, middle.details, _median_plot([outcome.plot for outcome in outcomes]))


def _median_figure(column: Sequence[Figure]) -> Figure:
    one = column[0]
    return Figure(one.what, one.against, statistics.median(each.value for each in column), one.aim, one.unit)


def _median_plot(plots: Sequence[Plot]) -> Plot:
    one = plots[0]
    lines = {
        name: [
            (point[0], statistics.median(plot.lines[name][index][1] for plot in plots))
            for index, point in enumerate(points)
        ]
        for name, points in one.lines.items()
    }
    return Plot(one.unit, lines, one.axis)


def number(value: float) -> str:
    """Return a number with three digits that count, or all of its whole ones."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
