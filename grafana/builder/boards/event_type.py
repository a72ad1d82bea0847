"""The dashboard of one event type."""

from billing.settings import Settings
from grafana.builder import Json
from grafana.builder.boards.common import (
    against_month_before,
    freshness,
    late_and_rejected,
    late_share_stat,
    rejected_share_stat,
)
from grafana.builder.boards.event_time import (
    change_to_date,
    revenue_by_month,
    revenue_over_event_time,
    top_customers,
)
from grafana.builder.dashboard import Board, type_uid
from grafana.builder.json_source import json_target
from grafana.builder.layout import Section, in_line, sized
from grafana.builder.money import Currency
from grafana.builder.panels import numbers_in, override, prometheus_target, stat, timeseries
from grafana.builder.promql import MoneyQueries, billed_rate, events, of_month


def board(event_type: str, settings: Settings) -> Board:
    """Return the dashboard of an event type."""
    currency = Currency(settings.currency)
    return Board(
        uid=type_uid(event_type),
        title=f"Billing: {event_type}",
        description=f"Revenue, events and customers of the event type {event_type}, live.",
        sections=[
            Section("", in_line(_numbers(event_type, currency), 4)),
            Section("As it arrives", [sized(panel, 12, 8) for panel in _over_time(event_type, currency)]),
            Section(
                "Can these numbers be relied on?", in_line([*freshness(), rejected_share_stat(), late_share_stat()], 4)
            ),
            Section("By event time (JSON data source)", _by_event_time(event_type, currency)),
        ],
    )


def _numbers(event_type: str, currency: Currency) -> list[Json]:
    money = MoneyQueries(currency)
    only = {"event_type": event_type}
    now, before = money.revenue("open", **only), money.revenue("previous", **only)
    return [
        stat(
            "Revenue this month",
            "Total of the open month so far. Credits are taken off.",
            prometheus_target(now, instant=True),
            unit=currency.exact_unit,
            decimals=currency.digits,
        ),
        *against_month_before(currency, now, before),
        stat(
            "Events this month",
            "Events billed in the open month so far.",
            prometheus_target(events("open", **only), instant=True),
            unit="locale",
            decimals=0,
        ),
        stat(
            "Average price this month",
            "Revenue by event of the open month.",
            prometheus_target(money.average_price("open", **only), instant=True),
            unit=currency.exact_unit,
            decimals=currency.price_digits,
            no_value="no events",
        ),
        stat(
            "Active customers",
            "Customers with at least one event of this type in the open month.",
            prometheus_target(of_month("billing_active_customers", "open", **only), instant=True),
            unit="locale",
            decimals=0,
        ),
    ]


def _over_time(event_type: str, currency: Currency) -> list[Json]:
    money = MoneyQueries(currency)
    only = {"event_type": event_type}
    return [
        timeseries(
            "Revenue this month so far",
            "The open month's total as it stood at each moment, and the month before's whole total to compare with. "
            "It begins at zero when a month begins.",
            [
                prometheus_target(money.revenue("open", **only), "this month"),
                prometheus_target(money.revenue("previous", **only), "month before, in all"),
            ],
            unit=currency.axis_unit,
            overrides=[
                override(
                    "month before, in all", custom__lineStyle={"fill": "dash", "dash": [10, 10]}, custom__fillOpacity=0
                )
            ],
        ),
        timeseries(
            "Revenue per hour",
            "How fast revenue comes in, by the time of its arrival. Below zero when credits outweigh charges.",
            [prometheus_target(money.revenue_per_hour(**only), "{{event_type}}")],
            unit=currency.axis_unit,
        ),
        timeseries(
            "Events per second",
            "Events billed per second, by the time of their arrival. Below zero when more are taken back.",
            [prometheus_target(billed_rate(**only), "{{event_type}}")],
            unit="eps",
        ),
        timeseries(
            "Average price",
            "Revenue by event: of all the open month, and of the last 15 minutes.",
            [
                prometheus_target(money.average_price("open", **only), "this month"),
                prometheus_target(money.recent_price("15m", **only), "last 15 minutes"),
            ],
            unit=currency.exact_unit,
            decimals=currency.price_digits,
            no_value="no events",
        ),
        late_and_rejected(),
    ]


def _by_event_time(event_type: str, currency: Currency) -> list[Json]:
    only = {"type": event_type}
    return [
        sized(change_to_date("types", **only), 6, 8),
        sized(revenue_over_event_time(currency, **only), 18, 8),
        sized(
            timeseries(
                "Revenue since the month's start, by event time",
                "Running total within each month. Steps back to zero where a month begins.",
                [json_target("revenue_cumulative", **only)],
                unit=currency.axis_unit,
                overrides=[numbers_in(currency.axis_unit)],
            ),
            12,
            8,
        ),
        sized(
            timeseries(
                "Average price, by event time",
                "Revenue by event of each bucket of event time; a gap where there was no event.",
                [json_target("average_price", **only)],
                unit=currency.exact_unit,
                decimals=currency.price_digits,
            ),
            12,
            8,
        ),
        sized(revenue_by_month(currency, **only), 12, 9),
        sized(top_customers(currency, f"Top customers of {event_type}", **only), 12, 9),
    ]
