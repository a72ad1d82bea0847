"""The dashboard of one customer, found by typing the beginning of the name."""

from billing.settings import Settings
from grafana.builder import Json
from grafana.builder.boards.common import freshness
from grafana.builder.boards.event_time import columns, matrix
from grafana.builder.dashboard import CUSTOMER_UID, Board
from grafana.builder.json_source import JSON_SOURCE, json_target, json_variable_query
from grafana.builder.layout import Section, in_line, sized
from grafana.builder.money import Currency
from grafana.builder.panels import bar_chart, donut, numbers_in, override, stat, table

CUSTOMER = "${customer:csv}"
MONTH = "${month:csv}"


def board(settings: Settings) -> Board:
    """Return the customer dashboard."""
    currency = Currency(settings.currency)
    return Board(
        uid=CUSTOMER_UID,
        title="Billing: customer",
        description="What one customer owes, by month and type, and the customer's invoices.",
        variables=[_customer_variable(), _month_variable()],
        sections=[
            Section("Can these numbers be relied on?", in_line(freshness(), 4)),
            Section("$customer in $month (JSON data source)", _month_panels(currency)),
            Section("$customer in all months (JSON data source)", _history_panels(currency)),
        ],
    )


def _customer_variable() -> Json:
    """Return the variable with search: Grafana asks again with what was typed in place of `$__searchFilter`."""
    query = json_variable_query("customers", search="$__searchFilter", limit="200")
    return _variable("customer", "Customer", "Type the first letters of the customer's name", query)


def _month_variable() -> Json:
    return _variable("month", "Month", "A month with events, the newest first", json_variable_query("months"))


def _variable(name: str, label: str, description: str, query: Json) -> Json:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": JSON_SOURCE,
        "query": query,
        "current": {"text": "", "value": ""},
        "includeAll": False,
        "multi": False,
        "allowCustomValue": True,
        "hide": 0,
        "refresh": 1,
        "regex": "",
        "sort": 0,
        "options": [],
    }


def _month_panels(currency: Currency) -> list[Json]:
    in_month = json_target("customer", customer=CUSTOMER, month=MONTH)
    revenue = stat(
        "Revenue",
        "The customer's total of the chosen month. Credits are taken off.",
        in_month,
        calc="sum",
        fields="/^revenue$/",
        unit=currency.exact_unit,
        decimals=currency.digits,
        no_value="no events",
    )
    count = stat(
        "Events",
        "The customer's events of the chosen month.",
        in_month,
        calc="sum",
        fields="/^events$/",
        unit="locale",
        decimals=0,
        no_value="no events",
    )
    titles = {
        "type": "Type",
        "revenue": "Revenue",
        "revenue_exact": "To the micro",
        "events": "Events",
        "average_price": "Average price",
        "status": "Status",
    }
    by_type = table(
        "By type",
        "The chosen month by event type: rounded as invoices are, and exact. A final month is invoiced.",
        [in_month],
        sort_by="Revenue",
        unit=currency.exact_unit,
        transformations=columns(titles),
        overrides=[override("Events", unit="locale", decimals=0)],
        no_value="no events",
    )
    share = donut(
        "Share of types",
        "Each type's share of the customer's revenue in the chosen month.",
        [in_month],
        by_row=True,
        unit=currency.exact_unit,
        decimals=currency.digits,
        transformations=columns({"type": "Type", "revenue": "Revenue"}),
        no_value="no events",
    )
    return [sized(revenue, 4, 8), sized(count, 4, 8), sized(by_type, 10, 8), sized(share, 6, 8)]


def _history_panels(currency: Currency) -> list[Json]:
    history = bar_chart(
        "Revenue by month",
        "The customer's revenue of every month, by type, whatever the time range.",
        [json_target("customer", customer=CUSTOMER, month="All")],
        x_field="month\\type",
        stacked=True,
        unit=currency.axis_unit,
        overrides=[numbers_in(currency.axis_unit)],
        transformations=matrix("month", "type", "revenue"),
    )
    titles = {
        "number": "Number",
        "month": "Month",
        "amount": "Amount",
        "amount_exact": "To the micro",
        "issued": "Issued",
    }
    invoices = table(
        "Invoices",
        "The customer's invoices. Money that arrived after a month was invoiced is on the next one, as an adjustment.",
        [json_target("invoices", customer=CUSTOMER, month="All")],
        sort_by="Month",
        unit=currency.exact_unit,
        decimals=currency.digits,
        transformations=columns(titles),
        overrides=[override("Issued", unit="dateTimeAsIso")],
        no_value="none yet",
    )
    return [sized(history, 12, 9), sized(invoices, 12, 9)]
