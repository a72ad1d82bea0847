"""Where panels stand: each has a size, rows fill from left to right, ids count up from 1."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grafana.builder import Json

GRID_WIDTH = 24


@dataclass(frozen=True)
class Section:
    """Panels under a heading; without one they stand at the top of the dashboard."""

    title: str
    panels: Sequence[Json]


def sized(panel: Json, width: int, height: int) -> Json:
    """Return the panel with its size in grid units: 24 are the full width."""
    return {**panel, "gridPos": {"w": width, "h": height}}


def in_line(panels: Sequence[Json], height: int) -> list[Json]:
    """Return the panels sized to fill one line evenly; the number of panels must divide 24."""
    if GRID_WIDTH % len(panels):
        raise ValueError(f"{len(panels)} panels do not fill a line evenly")
    return [sized(panel, GRID_WIDTH // len(panels), height) for panel in panels]


def arrange(sections: Iterable[Section]) -> list[Json]:
    """Return all panels with places and ids, each section under a row with its heading."""
    placed: list[Json] = []
    top = 0
    for section in sections:
        if section.title:
            placed.append(_row(section.title, len(placed) + 1, top))
            top += 1
        left = line_height = 0
        for panel in section.panels:
            size = panel["gridPos"]
            if left + size["w"] > GRID_WIDTH:
                top, left, line_height = top + line_height, 0, 0
            placed.append({**panel, "id": len(placed) + 1, "gridPos": {**size, "x": left, "y": top}})
            left += size["w"]
            line_height = max(line_height, size["h"])
        top += line_height
    return placed


def _row(title: str, panel_id: int, top: int) -> Json:
    place = {"x": 0, "y": top, "w": GRID_WIDTH, "h": 1}
    return {"type": "row", "title": title, "id": panel_id, "collapsed": False, "gridPos": place, "panels": []}
