"""The same data through the maintained Infinity plugin, for a Grafana that no longer loads simpod-json-datasource."""

from billing.settings import Settings
from grafana.builder import Json
from grafana.builder.boards.event_time import columns, matrix
from grafana.builder.dashboard import Board
from grafana.builder.layout import Section, sized
from grafana.builder.money import Currency
from grafana.builder.panels import bar_chart, donut, override, table, timeseries

INFINITY_UID = "qb-infinity"
INFINITY_SOURCE: Json = {"type": "yesoreyeram-infinity-datasource", "uid": "billing-infinity"}


def infinity_target(path: str, columns: dict[str, str], *, series: bool = False, **parameters: str) -> Json:
    """Return a query of one of the exporter's plain lists, with its columns and their types."""
    return {
        "datasource": INFINITY_SOURCE,
        "type": "json",
        "source": "url",
        "parser": "backend",
        "format": "timeseries" if series else "table",
        "url": path,
        "url_options": {
            "method": "GET",
            "params": [{"key": key, "value": value} for key, value in parameters.items()],
        },
        "root_selector": "",
        "columns": [{"selector": name, "text": name, "type": kind} for name, kind in columns.items()],
        "filters": [],
    }


def board(settings: Settings) -> Board:
    """Return the dashboard of the Infinity plugin."""
    currency = Currency(settings.currency)
    return Board(
        uid=INFINITY_UID,
        title="Billing: exact numbers (Infinity)",
        description="Months, types and customers by event time, by the Infinity plugin and plain JSON.",
        uses_prometheus=False,
        sections=[Section("", _panels(currency))],
    )


def _panels(currency: Currency) -> list[Json]:
    by_type = {"month": "string", "type": "string", "amount": "number", "count": "number"}
    hours = timeseries(
        "Revenue over event time",
        "Revenue of each hour in which the events happened, by type.",
        [
            infinity_target(
                "/api/v1/hours",
                {"time": "timestamp", "type": "string", "amount": "number"},
                series=True,
                **{"from": "${__from}", "to": "${__to}"},
            )
        ],
        bars=True,
        stacked=True,
        unit=currency.axis_unit,
    )
    history = bar_chart(
        "Revenue by month",
        "Revenue of every month there is, by type.",
        [infinity_target("/api/v1/subtotals", by_type, month="All")],
        x_field="month\\type",
        stacked=True,
        unit=currency.axis_unit,
        transformations=matrix("month", "type", "amount"),
    )
    share = donut(
        "Share of types",
        "Each type's share of the newest month's revenue.",
        [infinity_target("/api/v1/subtotals", by_type, month="newest")],
        by_row=True,
        unit=currency.exact_unit,
        decimals=currency.digits,
        transformations=columns({"type": "Type", "amount": "Revenue"}),
    )
    customers = table(
        "Top customers",
        "The ten customers with the highest revenue of the newest month.",
        [
            infinity_target(
                "/api/v1/customers",
                {"customer": "string", "month": "string", "total": "string", "amount": "number", "count": "number"},
                sort="total",
                limit="10",
            )
        ],
        unit=currency.exact_unit,
        transformations=columns(
            {"customer": "Customer", "month": "Month", "amount": "Revenue", "total": "To the micro", "count": "Events"}
        ),
        overrides=[override("Events", unit="locale", decimals=0)],
    )
    months = table(
        "Months",
        "Every month, exactly. A final month is invoiced.",
        [
            infinity_target(
                "/api/v1/months",
                {"month": "string", "amount": "number", "total": "string", "count": "number", "status": "string"},
            )
        ],
        sort_by="Month",
        unit=currency.exact_unit,
        decimals=currency.digits,
        transformations=columns(
            {"month": "Month", "amount": "Revenue", "total": "To the micro", "count": "Events", "status": "Status"}
        ),
        overrides=[override("Events", unit="locale", decimals=0)],
    )
    return [
        sized(hours, 16, 9),
        sized(share, 8, 9),
        sized(history, 12, 9),
        sized(customers, 12, 9),
        sized(months, 24, 9),
    ]
