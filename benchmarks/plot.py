"""Plots as small SVG files: bars for numbers, lines for curves."""

import math
from collections.abc import Callable, Sequence
from html import escape

from benchmarks.figures import Plot, number

_WIDTH = 640
_LEFT, _RIGHT = 190, 90
_BAR, _GAP, _TOP = 22, 10, 46
_PANEL = 120
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#4a5568")


def svg(title: str, plot: Plot) -> str:
    """Return a plot as the text of an SVG file."""
    draw = _lines if plot.axis else _bars
    height, body = draw(plot)
    heading = f'<text x="12" y="24" font-size="16" font-weight="bold">{escape(title)}: {escape(plot.unit)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>{heading}\n' + "\n".join(body) + "\n</svg>\n"
    )


def _bars(plot: Plot) -> tuple[int, list[str]]:
    most = max(points[0][1] for points in plot.lines.values()) or 1.0
    body = []
    for index, (name, points) in enumerate(plot.lines.items()):
        y, width = _TOP + index * (_BAR + _GAP), max(1.0, points[0][1] / most * (_WIDTH - _LEFT - _RIGHT))
        middle = y + _BAR * 0.7
        body.append(f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(name)}</text>')
        body.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{_COLOURS[0]}"/>')
        body.append(f'<text x="{_LEFT + width + 6:.0f}" y="{middle:.0f}">{number(points[0][1])}</text>')
    return _TOP + len(plot.lines) * (_BAR + _GAP), body


def _lines(plot: Plot) -> tuple[int, list[str]]:
    """Draw each line in a panel of its own: what they run over differs."""
    body, height = [], _TOP
    for colour, (name, line) in zip(_COLOURS * len(plot.lines), plot.lines.items(), strict=False):
        body += _panel(name, line, colour, height)
        height += _PANEL
    body.append(f'<text x="{_WIDTH // 2}" y="{height + 8}" text-anchor="middle">{escape(plot.axis)}</text>')
    return height + 20, body


def _panel(name: str, line: Sequence[tuple[float, float]], colour: str, top: int) -> list[str]:
    across = _logarithmic([x for x, _ in line], _LEFT, _WIDTH - _RIGHT)
    up = _logarithmic([y for _, y in line], top + _PANEL - 40, top + 20)
    path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
    body = [
        f'<text x="{_LEFT - 60}" y="{top + _PANEL // 2}" text-anchor="end" fill="{colour}">{escape(name)}</text>',
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
    ]
    for x, y in line:
        body.append(f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>')
        body.append(f'<text x="{across(x):.1f}" y="{up(y) - 8:.1f}" text-anchor="middle">{number(y)}</text>')
        body.append(f'<text x="{across(x):.1f}" y="{top + _PANEL - 18}" text-anchor="middle">{number(x)}</text>')
    return body


def _logarithmic(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Return what places a value between two ends, by its logarithm."""
    low, high = (math.log10(max(1e-9, value)) for value in (min(values), max(values)))
    span = (high - low) or 1.0
    return lambda value: start + (math.log10(max(1e-9, value)) - low) / span * (end - start)
