"""Panels: the visualisations used, with the options that are the same on every dashboard."""

from collections.abc import Sequence
from typing import Any

from grafana.builder import Json

PROMETHEUS: Json = {"type": "prometheus", "uid": "${datasource}"}

# (from this value on, colour); the first applies below all others.
Steps = Sequence[tuple[float | None, str]]
NEUTRAL: Steps = ((None, "text"),)

_LAST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def prometheus_target(expr: str, legend: str = "", *, instant: bool = False, table: bool = False) -> Json:
    """Return a Prometheus query: of the time range, or with `instant` of its end."""
    return {
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "expr": expr,
        "format": "table" if table else "time_series",
        "instant": instant,
        "range": not instant,
        "legendFormat": legend or "__auto",
    }


def thresholds(steps: Steps) -> Json:
    """Return thresholds in absolute values."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def override(field: str, **properties: object) -> Json:
    """Return settings for one field by its name; a double underscore in a property's name stands for a dot."""
    return {
        "matcher": {"id": "byName", "options": field},
        "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()],
    }


def numbers_in(unit: str) -> Json:
    """Return the override of the unit that the JSON data source sends along with its numbers, for an axis."""
    return {"matcher": {"id": "byType", "options": "number"}, "properties": [{"id": "unit", "value": unit}]}


def link(title: str, url: str) -> Json:
    """Return a link that stands in the same window."""
    return {"title": title, "url": url, "targetBlank": False}


def panel(
    kind: str,
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    unit: str,
    decimals: int | None = None,
    steps: Steps = NEUTRAL,
    no_value: str = "",
    color: str = "thresholds",
    custom: Json | None = None,
    options: Json | None = None,
    overrides: Sequence[Json] = (),
    transformations: Sequence[Json] = (),
    links: Sequence[Json] = (),
    mappings: Sequence[Json] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Json:
    """Return a panel without its place and id, which the layout gives. Queries are named A, B, C in their order.

    `no_value` is what stands there when the query finds nothing; give it only where nothing is a good answer.
    """
    defaults: Json = {"unit": unit, "color": {"mode": color}, "thresholds": thresholds(steps)}
    extras = {"decimals": decimals, "noValue": no_value, "custom": custom, "links": list(links), "min": minimum}
    extras |= {"max": maximum, "mappings": list(mappings)}
    defaults |= {name: value for name, value in extras.items() if value not in (None, "", [])}
    result: Json = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": targets[0]["datasource"],
        "targets": [{"refId": chr(ord("A") + place), **target} for place, target in enumerate(targets)],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options or {},
    }
    if transformations:
        result["transformations"] = list(transformations)
    return result


def stat(
    title: str, description: str, target: Json, *, calc: str = "lastNotNull", fields: str = "", **rest: Any
) -> Json:
    """Return one large number; `fields` is a pattern such as ``/^revenue$/`` for a table's column."""
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": [calc], "fields": fields, "values": False},
    }
    return panel("stat", title, description, [target], options=options, **rest)


def timeseries(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    stacked: bool = False,
    bars: bool = False,
    limits: bool = False,
    legend_values: Sequence[str] = (),
    **rest: Any,
) -> Json:
    """Return lines (or bars) over time; `limits` draws the thresholds as dashed lines."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 1 if bars else 2,
        "fillOpacity": 70 if bars else 30 if stacked else 8,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "axisSoftMin": 0,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    legend = {"showLegend": True, "displayMode": "table" if legend_values else "list", "placement": "bottom"}
    options = {
        "legend": {**legend, "calcs": list(legend_values)},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    rest.setdefault("color", "palette-classic-by-name")
    return panel("timeseries", title, description, targets, custom=custom, options=options, **rest)


def table(title: str, description: str, targets: Sequence[Json], *, sort_by: str = "", **rest: Any) -> Json:
    """Return a table, sorted by a column from the highest down if one is named."""
    options: Json = {"frameIndex": 0, "showHeader": True, "cellHeight": "sm", "enablePagination": False}
    if sort_by:
        options["sortBy"] = [{"displayName": sort_by, "desc": True}]
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False}
    return panel("table", title, description, targets, custom=custom, options=options, **rest)


def bar_gauge(title: str, description: str, targets: Sequence[Json], **rest: Any) -> Json:
    """Return one horizontal bar for each series, compared with the longest."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "valueMode": "color",
        "namePlacement": "auto",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "reduceOptions": _LAST,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
    }
    return panel("bargauge", title, description, targets, options=options, **rest)


def donut(title: str, description: str, targets: Sequence[Json], *, by_row: bool = False, **rest: Any) -> Json:
    """Return the shares of a whole, one slice for each series, or for each row of a table with `by_row`."""
    options = {
        "pieType": "donut",
        "orientation": "auto",
        "displayLabels": ["percent"],
        "sort": "desc",
        "reduceOptions": {**_LAST, "calcs": [] if by_row else ["lastNotNull"], "values": by_row},
        "legend": {
            "showLegend": True,
            "displayMode": "table",
            "placement": "right",
            "values": ["value", "percent"],
            "calcs": [],
        },
        "tooltip": {"mode": "single", "sort": "none"},
    }
    rest.setdefault("color", "palette-classic-by-name")
    return panel("piechart", title, description, targets, options=options, **rest)


def bar_chart(
    title: str, description: str, targets: Sequence[Json], *, x_field: str, stacked: bool = False, **rest: Any
) -> Json:
    """Return bars over the values of a text column, such as months."""
    options = {
        "xField": x_field,
        "orientation": "auto",
        "barWidth": 0.8,
        "groupWidth": 0.7,
        "barRadius": 0,
        "fullHighlight": False,
        "showValue": "never",
        "stacking": "normal" if stacked else "none",
        "xTickLabelRotation": 0,
        "xTickLabelSpacing": 0,
        "xTickLabelMaxLength": 20,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    rest.setdefault("color", "palette-classic-by-name")
    custom = {"lineWidth": 1, "fillOpacity": 80}
    return panel("barchart", title, description, targets, custom=custom, options=options, **rest)


def state_timeline(title: str, description: str, targets: Sequence[Json], **rest: Any) -> Json:
    """Return a band over time for each series, coloured by its state."""
    options = {
        "showValue": "never",
        "rowHeight": 0.8,
        "mergeValues": True,
        "alignValue": "left",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"lineWidth": 0, "fillOpacity": 80}
    return panel("state-timeline", title, description, targets, custom=custom, options=options, **rest)


def yes_no(yes: str, no: str) -> list[Json]:
    """Return the words for 1, which is good, and 0, which is not."""
    return [
        {
            "type": "value",
            "options": {
                "1": {"text": yes, "color": "green", "index": 0},
                "0": {"text": no, "color": "red", "index": 1},
            },
        }
    ]
