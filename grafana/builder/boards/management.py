"""The management overview: the business on one page."""

from billing.settings import Settings
from grafana.builder import Json
from grafana.builder.boards.common import (
    REACHED_STEPS,
    against_month_before,
    freshness,
    late_and_rejected,
    late_share_stat,
    rejected_share_stat,
)
from grafana.builder.boards.event_time import (
    change_to_date,
    columns,
    customer_link_on,
    revenue_by_month,
    revenue_over_event_time,
    top_customers,
)
from grafana.builder.dashboard import MANAGEMENT_UID, Board, type_uid
from grafana.builder.json_source import json_target
from grafana.builder.layout import Section, in_line, sized
from grafana.builder.money import Currency
from grafana.builder.panels import bar_gauge, donut, link, override, prometheus_target, stat, table, timeseries
from grafana.builder.promql import MoneyQueries, billed_rate, events, fold, of_month, select, total

_TYPE_LINK = f"/d/{type_uid('${__value.raw:percentencode}')}?${{__url_time_range}}"


def board(settings: Settings) -> Board:
    """Return the management overview."""
    currency = Currency(settings.currency)
    return Board(
        uid=MANAGEMENT_UID,
        title="Billing: management overview",
        description="Revenue, events and customers of all event types, live.",
        sections=[
            Section("", in_line(_numbers(currency), 4)),
            Section("Event types", _types(currency)),
            Section("As it arrives", [sized(panel, 12, 8) for panel in _over_time(currency)]),
            Section("Invoices", in_line(_invoices(currency), 4)),
            Section("Budgets", _budgets(currency)),
            Section(
                "Can these numbers be relied on?", in_line([*freshness(), rejected_share_stat(), late_share_stat()], 4)
            ),
            Section("By event time (JSON data source)", _by_event_time(currency)),
        ],
    )


def _numbers(currency: Currency) -> list[Json]:
    money = MoneyQueries(currency)
    now, before = total(money.revenue("open")), total(money.revenue("previous"))
    count = total(events("open"))
    return [
        stat(
            "Revenue this month",
            "Total of the open month so far, all types. Credits are taken off.",
            prometheus_target(now, instant=True),
            unit=currency.exact_unit,
            decimals=currency.digits,
        ),
        *against_month_before(currency, now, before),
        stat(
            "Events this month",
            "Events billed in the open month so far, all types.",
            prometheus_target(count, instant=True),
            unit="locale",
            decimals=0,
        ),
        stat(
            "Average price this month",
            "Revenue by event of the open month, all types.",
            prometheus_target(f"{now} / ({count} > 0)", instant=True),
            unit=currency.exact_unit,
            decimals=currency.price_digits,
            no_value="no events",
        ),
        stat(
            "Events per second",
            "Events of all types billed per second, less those taken back, lately.",
            prometheus_target(total(billed_rate())),
            unit="eps",
            decimals=1,
        ),
    ]


def _types(currency: Currency) -> list[Json]:
    money = MoneyQueries(currency)
    queries = {
        "This month": money.revenue("open"),
        "Month before": money.revenue("previous"),
        "Events": events("open"),
        "Average price": money.average_price("open"),
        "Customers": of_month("billing_active_customers", "open"),
    }
    renamed = {f"Value #{chr(ord('A') + place)}": title for place, title in enumerate(queries)}
    order = {"event_type": 0} | {name: place + 1 for place, name in enumerate(renamed)}
    hidden = {"Time": True}
    overview = table(
        "Event types",
        "The open month by event type, next to the whole month before. Customers with events of two types are in both "
        "lines. A type's name leads to its dashboard.",
        [prometheus_target(expr, instant=True, table=True) for expr in queries.values()],
        sort_by="This month",
        unit=currency.exact_unit,
        decimals=currency.digits,
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": hidden,
                    "indexByName": order,
                    "renameByName": {"event_type": "Type", **renamed},
                },
            },
        ],
        overrides=[
            override("Type", links=[link("Show this event type", _TYPE_LINK)]),
            override("Events", unit="locale", decimals=0),
            override("Customers", unit="locale", decimals=0),
            override("Average price", decimals=currency.price_digits),
        ],
    )
    share = donut(
        "Share of types",
        "Each type's share of the open month's revenue.",
        [prometheus_target(f"{money.revenue('open')} > 0", "{{event_type}}", instant=True)],
        unit=currency.exact_unit,
        decimals=currency.digits,
    )
    reached = bar_gauge(
        "Reached of the month before",
        "Each type's revenue of the open month as a share of its whole month before. Green once it is reached.",
        [
            prometheus_target(
                f"{money.revenue('open')} / ({money.revenue('previous')} > 0)", "{{event_type}}", instant=True
            )
        ],
        unit="percentunit",
        decimals=0,
        steps=REACHED_STEPS,
        minimum=0,
        no_value="no month before",
    )
    return [sized(overview, 12, 8), sized(share, 6, 8), sized(reached, 6, 8)]


def _over_time(currency: Currency) -> list[Json]:
    money = MoneyQueries(currency)
    return [
        timeseries(
            "Revenue this month so far",
            "The open month's total as it stood at each moment, by type. It begins at zero when a month begins.",
            [prometheus_target(money.revenue("open"), "{{event_type}}")],
            stacked=True,
            unit=currency.axis_unit,
            legend_values=["lastNotNull"],
        ),
        timeseries(
            "Revenue per hour",
            "How fast revenue comes in, by its arrival and by type. Below zero when credits outweigh charges.",
            [prometheus_target(money.revenue_per_hour(), "{{event_type}}")],
            stacked=True,
            unit=currency.axis_unit,
            legend_values=["lastNotNull", "mean"],
        ),
        timeseries(
            "Events per second",
            "Events billed per second by type, by the time of their arrival. Below zero when more are taken back.",
            [prometheus_target(billed_rate(), "{{event_type}}")],
            stacked=True,
            unit="eps",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Average price, last 15 minutes",
            "Revenue by event of the events counted in the last 15 minutes, by type.",
            [prometheus_target(money.recent_price("15m"), "{{event_type}}")],
            unit=currency.exact_unit,
            decimals=currency.price_digits,
            no_value="no events",
            legend_values=["lastNotNull", "mean"],
        ),
        late_and_rejected(),
    ]


def _invoices(currency: Currency) -> list[Json]:
    money = MoneyQueries(currency)
    return [
        stat(
            "Months closed",
            "Months whose invoices have been issued, since the beginning.",
            prometheus_target(fold(select("billing_months_closed_total")), instant=True),
            unit="locale",
            decimals=0,
            no_value="none yet",
        ),
        stat(
            "Invoiced",
            "Amounts invoiced for the open month and the one before. Nothing is invoiced before a month is due.",
            prometheus_target(fold(select(money.invoiced), "month"), "{{month}}", instant=True),
            unit=currency.exact_unit,
            decimals=currency.digits,
            no_value="none yet",
        ),
        stat(
            "Invoices",
            "Invoices issued for the open month and the one before.",
            prometheus_target(fold(select("billing_invoices"), "month"), "{{month}}", instant=True),
            unit="locale",
            decimals=0,
            no_value="none yet",
        ),
        stat(
            "Months overdue",
            "Months past their due time that are not closed. An alert fires after an hour.",
            prometheus_target(fold(select("billing_invoicer_months_due")), instant=True),
            unit="locale",
            decimals=0,
            steps=((None, "green"), (1, "orange"), (2, "red")),
        ),
    ]


def _budgets(currency: Currency) -> list[Json]:
    used = timeseries(
        "Budgets",
        "Share of each budget's limit that is used in the current month, by the customer who uses most of it. The "
        "alert fires from 100 % on. Marks say when a threshold was reached, or left again.",
        [prometheus_target(fold(select("billing_budget_used_ratio"), "budget"), "{{budget}}")],
        unit="percentunit",
        decimals=1,
        steps=((None, "green"), (0.8, "orange"), (1, "red")),
        limits=True,
        no_value="no budgets",
        legend_values=["lastNotNull"],
    )
    limits = bar_gauge(
        "Limits",
        "The month's limit of each budget that is an amount.",
        [
            prometheus_target(
                fold(select(f"billing_budget_{currency.metric_suffix}"), "budget"), "{{budget}}", instant=True
            )
        ],
        unit=currency.exact_unit,
        decimals=currency.digits,
        no_value="no budgets",
    )
    over = table(
        "Customers over a threshold",
        "How many customers are over each threshold of a budget in the current month; all together count as one.",
        [
            prometheus_target(
                fold(select("billing_budget_customers_over"), "budget", "threshold"), instant=True, table=True
            )
        ],
        sort_by="Customers",
        unit="locale",
        decimals=0,
        transformations=[
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": {"budget": 0, "threshold": 1, "Value": 2},
                    "renameByName": {"budget": "Budget", "threshold": "Threshold, %", "Value": "Customers"},
                },
            }
        ],
        no_value="no budgets",
    )
    unsent = stat(
        "Notifications not sent",
        "Notifications that wait for their receiver, and those that were given up. Given up ones need somebody's hand.",
        prometheus_target(
            f"{fold(select('billing_notifier_waiting'))} + {fold(select('billing_notifier_given_up'))}", instant=True
        ),
        unit="locale",
        decimals=0,
        steps=((None, "green"), (1, "orange")),
        no_value="nobody sends",
    )
    return [sized(used, 12, 8), sized(over, 6, 8), sized(limits, 3, 8), sized(unsent, 3, 8)]


def _by_event_time(currency: Currency) -> list[Json]:
    return [
        sized(change_to_date("totals"), 6, 8),
        sized(revenue_over_event_time(currency), 18, 8),
        sized(revenue_by_month(currency), 12, 9),
        sized(top_customers(currency, "Top customers"), 12, 9),
        sized(_months(currency), 12, 9),
        sized(_latest_invoices(currency), 12, 9),
    ]


def _months(currency: Currency) -> Json:
    titles = {
        "month": "Month",
        "revenue": "Revenue",
        "change": "Change to date",
        "events": "Events",
        "customers": "Customers",
        "status": "Status",
    }
    return table(
        "Months",
        "Every month, exactly. The change compares with the month before up to the same time into the month. A final "
        "month is invoiced.",
        [json_target("months")],
        sort_by="Month",
        unit=currency.exact_unit,
        decimals=currency.digits,
        transformations=columns(titles),
        overrides=[
            override("Change to date", unit="percentunit", decimals=1),
            override("Events", unit="locale", decimals=0),
            override("Customers", unit="locale", decimals=0),
        ],
    )


def _latest_invoices(currency: Currency) -> Json:
    titles = {"number": "Number", "customer": "Customer", "month": "Month", "amount": "Amount", "issued": "Issued"}
    return table(
        "Newest invoices",
        "Invoices of the newest closed month. A customer's name leads to the customer's dashboard.",
        [json_target("invoices", limit="100")],
        unit=currency.exact_unit,
        decimals=currency.digits,
        transformations=columns(titles),
        overrides=[customer_link_on("Customer"), override("Issued", unit="dateTimeAsIso")],
        no_value="none yet",
    )
