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
    """A query, with the dashboard and the panel (or annotation) that it belongs to."""

    board: str
    panel: Json
    target: Json

    def __str__(self) -> str:
        return f"{self.board}: {self.panel.get('title') or self.panel['name']} {self.target['refId']}"

    @property
    def is_panel(self) -> bool:
        """Whether it belongs to a panel."""
        return "gridPos" in self.panel

    @property
    def empty_is_fine(self) -> bool:
        """Whether nothing is a good answer: the panel says what stands there then, or it is an annotation."""
        return not self.is_panel or "noValue" in self.panel["fieldConfig"]["defaults"]


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
        PlacedTarget(placed.board, placed.panel, target)
        for placed in panels()
        for target in placed.panel["targets"]
        if target["datasource"]["type"] == datasource_type
    ]
    of_annotations = [
        PlacedTarget(name, annotation, annotation["target"])
        for name, board in dashboards().items()
        for annotation in board["annotations"]["list"]
        if annotation["datasource"]["type"] == datasource_type
    ]
    return of_panels + of_annotations
