"""The committed dashboards, as the tests look at them."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parent.parent.parent / "grafana"

Json = dict[str, Any]


@dataclass(frozen=True)
class PlacedPanel:
    """A panel that shows data, with the dashboard it is on."""

    board: str
    panel: Json

    def __str__(self) -> str:
        return f"{self.board}: {self.panel['title']}"


@dataclass(frozen=True)
class PlacedTarget:
    """A query, with the dashboard and the panel that it belongs to."""

    board: str
    title: str
    target: Json
    empty_is_fine: bool = False

    def __str__(self) -> str:
        return f"{self.board}: {self.title} {self.target.get('refId', '')}"


@cache
def dashboards() -> dict[str, Json]:
    """Return all committed dashboards by file name."""
    paths = [*GRAFANA.glob("dashboards/*.json"), *GRAFANA.glob("infinity/dashboards/*.json")]
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted(paths)}


@cache
def panels() -> list[PlacedPanel]:
    """Return the panels of all dashboards, rows left out."""
    return [
        PlacedPanel(name, panel)
        for name, board in dashboards().items()
        for panel in board["panels"]
        if panel["type"] != "row"
    ]


@cache
def targets(datasource_type: str) -> list[PlacedTarget]:
    """Return the queries of one kind of data source: those of panels and annotations."""
    of_panels = [
        PlacedTarget(placed.board, placed.panel["title"], target, "noValue" in placed.panel["fieldConfig"]["defaults"])
        for placed in panels()
        for target in placed.panel["targets"]
        if target["datasource"]["type"] == datasource_type
    ]
    of_annotations = [
        PlacedTarget(name, annotation["name"], annotation["target"], empty_is_fine=True)
        for name, board in dashboards().items()
        for annotation in board["annotations"]["list"]
        if annotation["datasource"]["type"] == datasource_type
    ]
    return of_panels + of_annotations
