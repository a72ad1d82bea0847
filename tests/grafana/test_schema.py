"""Every dashboard against Grafana's own published model."""

import json
from functools import cache
from pathlib import Path

import jsonschema

from tests.for_each import for_each
from tests.grafana.committed import Json, PlacedPanel, dashboards, panels

SCHEMAS = Path(__file__).parent / "schema"
# Panels whose visualisation has another name in the package.
PACKAGE_NAMES = {"state-timeline": "statetimeline"}


@cache
def dashboard_schema() -> Json:
    """Return the published schema, opened where Grafana itself is more open than it.

    An annotation holds a query in the form of its data source, and settings of that data source beside it.
    """
    schema: Json = json.loads((SCHEMAS / "dashboard.json").read_text("utf-8"))
    schema["definitions"]["AnnotationTarget"] = {"type": "object"}
    for plugin_setting in ("titleFormat", "textFormat"):
        schema["definitions"]["AnnotationQuery"]["properties"][plugin_setting] = {"type": "string"}
    return schema


@cache
def panel_schema(kind: str, part: str) -> Json | None:
    """Return the schema of a visualisation's `Options` or `FieldConfig`, None if it has none."""
    path = SCHEMAS / f"{PACKAGE_NAMES.get(kind, kind)}.{part}.json"
    schema: Json | None = json.loads(path.read_text("utf-8")) if path.exists() else None
    return schema


def faults(schema: Json, value: object) -> list[str]:
    """Return what is wrong with a value."""
    found = jsonschema.Draft7Validator(schema).iter_errors(value)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


@for_each(dashboards())
def test_dashboard_is_valid(name: str) -> None:
    """The dashboard has the published form."""
    assert not faults(dashboard_schema(), dashboards()[name])


@for_each(panels())
def test_panel_options_are_valid(placed: PlacedPanel) -> None:
    """A panel's options and field settings are those of its visualisation."""
    panel = placed.panel
    options = panel_schema(panel["type"], "Options")
    assert options is not None
    assert not faults(options, panel["options"])
    if custom := panel["fieldConfig"]["defaults"].get("custom"):
        fields = panel_schema(panel["type"], "FieldConfig")
        assert fields is not None
        assert not faults(fields, custom)


def test_a_misspelt_key_is_found() -> None:
    """The schema is closed: what it does not know is a fault."""
    board = dashboards()["management.json"] | {"timezon": "utc"}
    assert faults(dashboard_schema(), board)
