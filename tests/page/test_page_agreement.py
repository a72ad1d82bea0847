"""The numbers on the page, of REST, the JSON data source and Prometheus agree for the same instant."""

import pytest

from tests.exporter.test_agreement import (
    busy_world,
    metric,
    months,
    overview_types,
    rest_customers,
    rest_types,
    table_types,
)
from tests.page.browser import Tab
from tests.page.page import open_page, top_customers, total, type_totals


@pytest.mark.parametrize("month", ["2017-01", "2017-02"])
def test_the_page_agrees_with_all_other_faces(tab: Tab, month: str) -> None:
    """By type, by customer and in all, exactly; Prometheus as the nearest float."""
    with busy_world(7).served() as client:
        open_page(tab, client, f"?month={month}")
        shown = type_totals(tab)
        other = [rest_types(client, month), overview_types(client, month), table_types(client, month)]
        for face in other:
            assert {name: amount for name, amount in shown.items() if amount or name in face} == face
        assert {name: float(amount) for name, amount in other[0].items()} == metric(client, "event_type", month)
        assert top_customers(tab) == rest_customers(client, month)
        assert total(tab) == months(client)[month] == sum(shown.values())
