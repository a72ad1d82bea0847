"""Panels of the JSON data source that several dashboards share: exact numbers, by event time."""

from grafana.builder import Json
from grafana.builder.dashboard import CUSTOMER_UID
from grafana.builder.json_source import json_target
from grafana.builder.money import Currency
from grafana.builder.panels import bar_chart, link, numbers_in, override, stat, table, timeseries

# A change of a tenth against the month before up to the same time is worth a look.
CHANGE_STEPS = ((None, "red"), (-0.1, "orange"), (0, "green"))

_CUSTOMER_LINK = f"/d/{CUSTOMER_UID}?var-customer=${{__value.raw:percentencode}}&${{__url_time_range}}"


def columns(titles: dict[str, str]) -> list[Json]:
    """Return transformations that keep these columns, in this order, under these titles."""
    order = {name: place for place, name in enumerate(titles)}
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(titles)}}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": order, "renameByName": titles}},
    ]


def matrix(row: str, column: str, value: str) -> list[Json]:
    """Return transformations that spread a column's values over columns; the first is then named ``row\\column``."""
    options = {"rowField": row, "columnField": column, "valueField": value, "emptyValue": "zero"}
    return [{"id": "groupingToMatrix", "options": options}]


def customer_link_on(column: str) -> Json:
    """Return the override that makes a column of customers lead to the customer's dashboard."""
    return override(column, links=[link("Show this customer", _CUSTOMER_LINK)])


def change_to_date(target: str, **payload: str) -> Json:
    """Return the change against the month before, up to the same time into the month."""
    return stat(
        "Against the month before, to date",
        "Revenue of the newest month by event time, compared with the month before up to the same time into the month. "
        "Orange below it, red from 10 % below on.",
        json_target(target, month="newest", **payload),
        fields="/^change$/",
        unit="percentunit",
        decimals=1,
        steps=CHANGE_STEPS,
        no_value="no month before",
    )


def revenue_over_event_time(currency: Currency, **payload: str) -> Json:
    """Return revenue by when things happened, not by when they were reported."""
    return timeseries(
        "Revenue over event time",
        "Revenue of each hour or day in which the events happened, however late they arrived. Choose a time range that "
        "holds the events; a simulation may run in another year.",
        [json_target("revenue", **payload)],
        bars=True,
        stacked=True,
        unit=currency.axis_unit,
        overrides=[numbers_in(currency.axis_unit)],
        legend_values=["sum"],
    )


def revenue_by_month(currency: Currency, **payload: str) -> Json:
    """Return the revenue of all months, by type."""
    return bar_chart(
        "Revenue by month",
        "Revenue of every month there is, by type, whatever the time range. The newest is still growing.",
        [json_target("types", month="All", **payload)],
        x_field="month\\type",
        stacked=True,
        unit=currency.axis_unit,
        overrides=[numbers_in(currency.axis_unit)],
        transformations=matrix("month", "type", "revenue"),
    )


def top_customers(currency: Currency, title: str, **payload: str) -> Json:
    """Return the customers with the highest revenue of the newest month."""
    titles = {"customer": "Customer", "revenue": "Revenue", "events": "Events", "average_price": "Average price"}
    return table(
        title,
        "The ten customers with the highest revenue in the newest month, and their share of it. A customer's name "
        "leads to the customer's dashboard.",
        [json_target("customers", month="newest", limit="10", **payload)],
        unit=currency.exact_unit,
        transformations=columns({**titles, "share": "Share"}),
        overrides=[
            customer_link_on("Customer"),
            override("Events", unit="locale", decimals=0),
            override("Share", unit="percentunit", decimals=1),
        ],
    )
