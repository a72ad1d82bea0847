"""Issued invoices are served as they are stored; an open month's is a draft that says so."""

import pytest

from billing.runtime.topic_reader import Record
from tests.exporter.world import CHARLIE_MS, FEBRUARY_MS, World, two_months


def test_an_issued_invoice() -> None:
    """Number, rounded total, exact total, lines."""
    with two_months().served() as client:
        assert client.ok("/invoices/Bob/2017-01") == {
            "number": "2017-01-000002",
            "status": "final",
            "document": "invoice",
            "customer": "Bob",
            "month": "2017-01",
            "currency": "EUR",
            "issued_at": "2017-02-02T00:00:00Z",
            "total": "5.00",
            "exact": "5.000005",
            "count": 1,
            "lines": [
                {
                    "month": "2017-01",
                    "type": "DATA",
                    "count": 1,
                    "exact": "5.000005",
                    "carried": "0.000000",
                    "amount": "5.00",
                }
            ],
            "adjustments": [],
            "as_of": "2017-02-03T06:00:00Z",
        }


def test_a_draft_is_marked_and_carries_what_rounding_left_over() -> None:
    """It is what an invoice would say if it were issued now."""
    with two_months().served() as client:
        draft = client.ok("/invoices/Bob/2017-02")
        assert (draft["status"], draft["number"], draft["issued_at"]) == ("draft", None, None)
        assert (draft["total"], draft["exact"]) == ("60.00", "60.000003")
        assert draft["lines"][0]["carried"] == "0.000005"


def test_late_money_is_an_adjustment() -> None:
    """What comes for a closed month stands on the next draft, and its invoice does not change."""
    world = two_months()
    before = None
    with world.served() as client:
        before = client.ok("/invoices/Bob/2017-01")
        world.event("Bob", 3_000_000, "CALL", FEBRUARY_MS - 1, partition=1)
        world.commit()
        after = client.ok("/invoices/Bob/2017-01")
        draft = client.ok("/invoices/Bob/2017-02")
    assert {**after, "as_of": None} == {**before, "as_of": None}
    assert draft["adjustments"] == [
        {"month": "2017-01", "type": "CALL", "count": 1, "exact": "3.000000", "carried": "0.000000", "amount": "3.00"}
    ]
    assert draft["total"] == "63.00"


def test_a_credit_note() -> None:
    """A negative total is owed to the customer."""
    world = World()
    world.event("Charlie", -5_000_000)
    world.ready()
    with world.served() as client:
        assert client.ok("/invoices/Charlie/2017-02")["document"] == "credit_note"
        world.close("2017-02", CHARLIE_MS)
        invoice = client.ok("/invoices/Charlie/2017-02")
        assert (invoice["document"], invoice["total"], invoice["status"]) == ("credit_note", "-5.00", "final")


def test_status_is_final_once_the_month_is_closed() -> None:
    """For customers, types and months alike."""
    with two_months().served() as client:
        assert client.ok("/customers/Bob?month=2017-01")["status"] == "final"
        assert client.ok("/types/DATA?month=2017-01")["status"] == "final"
        assert client.ok("/customers/Bob")["status"] == "open"


def test_lists_of_invoices() -> None:
    """A month's by number, one customer's, page by page."""
    with two_months().served() as client:
        page = client.ok("/invoices")
        assert (page["month"], [one["customer"] for one in page["invoices"]]) == ("2017-01", ["Alice", "Bob"])
        first = client.ok("/invoices?limit=1")
        second = client.ok(f"/invoices?limit=1&cursor={first['next']}")
        assert first["invoices"] + second["invoices"] == page["invoices"]
        assert second["next"] is None
        assert client.ok("/invoices?month=2017-02")["invoices"] == []
        assert [one["month"] for one in client.ok("/invoices?customer=Bob")["invoices"]] == ["2017-01"]
        assert client.ok("/invoices?customer=Bob&month=2017-02")["invoices"] == []


def test_a_closed_month_has_no_drafts() -> None:
    """Who had nothing in it is not found, whatever came late."""
    world = two_months()
    world.event("Charlie", 1_000_000, at_ms=FEBRUARY_MS - 1)
    world.commit()
    with world.served() as client:
        assert client.get("/invoices/Charlie/2017-01").status == 404
        assert client.ok("/invoices/Charlie/2017-02")["adjustments"][0]["month"] == "2017-01"


@pytest.mark.parametrize("value", [b'{"v":2}', b"nonsense"])
def test_invoices_that_cannot_be_read(value: bytes) -> None:
    """A newer version stops the numbers; garbage is counted."""
    world = two_months()
    world.model.apply_invoices([Record(0, 999, b"billed|2017-01|Bob", value, 0)])
    assert world.model.records_unreadable["invoices"] == 1
    assert world.model.state == ("unknown_version" if b"2" in value else "ready")
