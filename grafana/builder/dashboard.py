"""A dashboard around its panels: variables, annotations, links to the others, time."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.settings import Settings
from grafana.builder import Json
from grafana.builder.json_source import JSON_SOURCE, json_target
from grafana.builder.layout import Section, arrange
from grafana.builder.panels import PROMETHEUS
from grafana.builder.promql import RATE_INTERVAL, increase

SCHEMA_VERSION = 42
TAG = "billing"

MANAGEMENT_UID = "qb-management"
OPERATIONS_UID = "qb-operations"
CUSTOMER_UID = "qb-customer"


def type_uid(event_type: str) -> str:
    """Return the uid of an event type's dashboard: at most 40 characters, as Grafana demands."""
    return f"qb-type-{event_type}"


@dataclass(frozen=True)
class Board:
    """What makes one dashboard differ from the others. `since` is the default time range."""

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    variables: Sequence[Json] = ()
    since: str = "now-24h"
    uses_prometheus: bool = True


def dashboard(board: Board, settings: Settings) -> Json:
    """Return the dashboard in Grafana's classic JSON model."""
    panels = arrange(board.sections)
    common_variables = [_datasource_variable(), _job_variable()] if board.uses_prometheus else []
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc" if settings.time_zone == "UTC" else settings.time_zone,
        "time": {"from": board.since, "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m"]},
        "refresh": "10s",
        "links": [_links_to_all()],
        "templating": {"list": [*common_variables, *board.variables]},
        "annotations": {"list": [_builtin_annotations(), *_month_annotations(panels), *_budget_annotations(panels)]},
        "panels": panels,
    }


def _datasource_variable() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Prometheus",
        "description": "The Prometheus that scrapes the parts",
        "query": "prometheus",
        "current": {"text": "Prometheus", "value": "prometheus"},
        "includeAll": False,
        "multi": False,
        "hide": 0,
        "refresh": 1,
        "regex": "",
        "options": [],
    }


def _job_variable() -> Json:
    query = "label_values(billing_build_info, job)"
    return {
        "type": "query",
        "name": "job",
        "label": "Job",
        "description": "The scrape jobs of one deployment, where Prometheus watches several",
        "datasource": PROMETHEUS,
        "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1},
        "current": {"text": ["All"], "value": ["$__all"]},
        "includeAll": True,
        "allValue": ".+",
        "multi": True,
        "hide": 0,
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "options": [],
    }


def _links_to_all() -> Json:
    return {
        "type": "dashboards",
        "title": "Billing dashboards",
        "tooltip": "",
        "icon": "external link",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "url": "",
    }


def _builtin_annotations() -> Json:
    return {
        "builtIn": 1,
        "type": "dashboard",
        "name": "Annotations & Alerts",
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
    }


def _month_annotations(panels: Sequence[Json]) -> list[Json]:
    """Mark where months close: on wall time for Prometheus panels, on event time for those of the JSON data source.

    Each annotation names its panels, so that a missing plugin cannot disturb the others.
    """
    annotations = []
    if on_wall_time := _ids(panels, PROMETHEUS):
        annotations.append(
            {
                "name": "Month closed",
                "datasource": PROMETHEUS,
                "enable": True,
                "iconColor": "purple",
                "filter": {"exclude": False, "ids": on_wall_time},
                "titleFormat": "Month closed",
                "textFormat": "The invoices of a month were issued",
                "target": {
                    "refId": "Anno",
                    "expr": f"{increase('billing_months_closed_total', window=RATE_INTERVAL)} > 0",
                    "interval": "60s",
                },
            }
        )
    if on_event_time := _ids(panels, JSON_SOURCE):
        annotations.append(
            {
                "name": "Month ends",
                "datasource": JSON_SOURCE,
                "enable": True,
                "iconColor": "purple",
                "filter": {"exclude": False, "ids": on_event_time},
                "target": {**json_target("annotations", at="month_end"), "refId": "Anno"},
            }
        )
    return annotations


def _budget_annotations(panels: Sequence[Json]) -> list[Json]:
    """Mark where thresholds of budgets are crossed, on the panel that shows their use."""
    shown_on = [panel["id"] for panel in panels if panel["type"] == "timeseries" and _shows_budgets(panel)]
    if not shown_on:
        return []
    told = increase("billing_budgets_notifications_total", "budget", "kind", window=RATE_INTERVAL)
    return [
        {
            "name": "Budget threshold",
            "datasource": PROMETHEUS,
            "enable": True,
            "iconColor": "orange",
            "filter": {"exclude": False, "ids": shown_on},
            "titleFormat": "{{budget}}: {{kind}}",
            "textFormat": "A threshold of the budget was crossed",
            "target": {"refId": "Anno", "expr": f"{told} > 0", "interval": "60s"},
        }
    ]


def _shows_budgets(panel: Json) -> bool:
    return any("billing_budget_used_ratio" in target.get("expr", "") for target in panel["targets"])


def _ids(panels: Sequence[Json], datasource: Json) -> list[int]:
    return [panel["id"] for panel in panels if panel["type"] == "timeseries" and panel["datasource"] == datasource]
