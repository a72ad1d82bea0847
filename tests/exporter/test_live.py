"""The overview and its live stream."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exporter.model.input_ends import InputEnds
from tests.exporter.world import DAY_MS, FEBRUARY_MS, HOUR_MS, World, charlie, two_months

# From the first line that is read to the event; what is sent to keep the connection alive does not prolong it.
EVENT_SECONDS = 20.0


class Events:
    """Reads server-sent events from a connection."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response

    def next(self) -> dict[str, Any] | None:
        """Return the next overview, None if the stream has ended.

        Raises:
            AssertionError: none has come in time.
        """
        name = None
        deadline = time.monotonic() + EVENT_SECONDS
        while line := self._response.readline():
            assert time.monotonic() < deadline, f"no overview in {EVENT_SECONDS} s"
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                name = text.removeprefix("event: ")
            if text.startswith("data: "):
                assert name in ("overview", "customer")
                document: dict[str, Any] = json.loads(text.removeprefix("data: "))
                return document
        return None


@contextmanager
def listen(port: int, path: str = "/api/v1/live", **headers: str) -> Iterator[Events]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Accept": "text/event-stream", **headers})
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        yield Events(response)
    finally:
        connection.close()


def test_the_overview_of_a_month() -> None:
    """Totals, types, top customers, series, events, freshness and health, all of one state."""
    world = two_months()
    world.ends = InputEnds(True, "a broker answers", {0: 9, 1: 11}, unmoved={0: 3, 2: 0})
    with world.served() as client:
        found = client.ok("/api/v1/overview")
    assert (found["ready"], found["month"], found["status"], found["as_of"]) == (
        True, "2017-02", "open", "2017-02-03T06:00:00Z",
    )  # fmt: skip
    assert (found["month_start"], found["month_end"]) == ("2017-02-01T00:00:00Z", "2017-03-01T00:00:00Z")
    assert found["totals"]["total"] == "261.240003"
    assert found["totals"]["previous_total"] == "13.000005"
    assert [one["type"] for one in found["types"]] == ["MESSAGE", "DATA", "CALL", "PACK", "MISC"]
    assert found["types"][0] == {
        "type": "MESSAGE", "total": "0.000000", "count": 0, "average": None, "customers": 0, "share": 0.0,
        "previous_total": "0.000000", "previous_to_date": "0.000000", "change": None,
    }  # fmt: skip
    assert [one["customer"] for one in found["top_customers"]] == ["Charlie", "Bob", "Alice"]
    assert found["events"] == {
        "accepted": 13, "rejected": 3, "duplicates": 0, "voids": 0, "replaces": 0, "late": 0, "per_second": 0.0,
        "reasons": {"malformed": 2, "bad_amount": 1},
    }  # fmt: skip
    assert found["freshness"]["lag_records"] == 4 + 3, "those that wait to be moved, too"
    assert found["freshness"]["unmoved_records"] == 3
    assert [check["name"] for check in found["health"]["checks"]] == ["kafka", "subtotals", "invoices", "conservation"]
    assert found["health"]["ok"] is True
    assert found["links"] == {"prometheus": "http://localhost:9090", "grafana": "http://localhost:3000"}


def test_the_series_of_the_overview() -> None:
    """At most 200 buckets of the same length, with everything in them."""
    world = World()
    for hour in range(28 * 24):
        world.event("Charlie", 1_000_000, at_ms=FEBRUARY_MS + hour * HOUR_MS)
    with world.ready().served() as client:
        series = client.ok("/api/v1/overview")["series"]
    assert series["bucket_seconds"] == 4 * 3_600
    assert series["times"] == [FEBRUARY_MS + bucket * 4 * HOUR_MS for bucket in range(168)]
    assert series["types"]["MISC"]["total"] == ["4.000000"] * 168
    assert series["types"]["CALL"]["count"] == [0] * 168


def test_the_comparison_is_up_to_the_same_time() -> None:
    """Ten days into February, January's first ten days count."""
    world = World()
    for day in range(31):
        world.event("Charlie", 1_000_000, at_ms=FEBRUARY_MS + (day - 31) * DAY_MS)
    for day in range(11):
        world.event("Charlie", 2_000_000, at_ms=FEBRUARY_MS + day * DAY_MS)
    with world.ready().served() as client:
        totals = client.ok("/api/v1/overview")["totals"]
        assert (totals["previous_total"], totals["previous_to_date"]) == ("31.000000", "10.000000")
        assert totals["change"] == 1.2
        january = client.ok("/api/v1/overview?month=2017-01")["totals"]
        assert (january["previous_total"], january["change"]) == (None, None)


def test_no_answer_from_the_broker_is_no_lag() -> None:
    """Unknown is not zero; what was counted is still shown."""
    world = charlie()
    world.ends = InputEnds(False, "no broker answers at localhost:9092", {0: 5})
    with world.served() as client:
        found = client.ok("/api/v1/overview")
        assert found["freshness"]["lag_records"] is found["freshness"]["unmoved_records"] is None
        assert found["health"]["ok"] is False
        ready = client.ok("/readyz")
        assert (ready["status"], ready["checks"][0]["message"]) == ("degraded", "no broker answers at localhost:9092")


def test_no_answer_about_the_moving_is_no_lag() -> None:
    """How far the input is moved is not told, and all else is: only what it would take is unknown."""
    world = charlie()
    world.ends = InputEnds(True, "a broker answers", {0: 5}, unmoved=None)
    with world.served() as client:
        found = client.ok("/api/v1/overview")
        assert found["freshness"]["lag_records"] is found["freshness"]["unmoved_records"] is None
        assert found["health"]["ok"] is True


def test_what_is_missing_is_named() -> None:
    """Each dependency that is not as it must be, by its name."""
    world = World()
    world.ends = InputEnds(False, "no broker answers at localhost:9092")
    with world.served() as client:
        answer = client.get("/readyz")
        assert answer.status == 503
        assert answer.json["message"] == (
            "not ready: kafka: no broker answers at localhost:9092; subtotals: the topics are being read; "
            "invoices: the topics are being read"
        )


def test_books_that_are_off_are_told() -> None:
    """In the overview and in readiness, by how much."""
    world = charlie()
    world.event("Charlie", 7, count=2)
    world.model.apply(world.committed.commit()[:1])
    world.clock.seconds += 5
    world.model.tick()
    with world.served() as client:
        check = client.ok("/api/v1/overview")["health"]["checks"][3]
        assert (check["ok"], check["message"]) == (False, "the books are off by 7 micros and 2 events")


def test_the_stream_sends_at_once_and_on_change() -> None:
    """One overview at once, the next when totals have moved, not more than two a second."""
    world = charlie()
    with world.served() as client, listen(client.port) as events:
        first = events.next()
        assert first is not None
        assert first["totals"]["total"] == "199.990000"
        started = time.monotonic()
        for _ in range(3):
            world.event("Charlie", 10_000)
            world.commit()
            time.sleep(0.05)
        second = events.next()
        assert second is not None
        assert second["totals"]["total"] == "200.020000"
        assert time.monotonic() - started > 0.3


def test_the_stream_waits_with_whoever_waits() -> None:
    """While catching up it says so and how far it is; then the numbers come by themselves."""
    world = World()
    world.event("Charlie", 1)
    world.commit()
    world.model.catching_up(1, 4)
    with world.served() as client, listen(client.port) as events:
        waiting = events.next()
        assert waiting is not None
        assert (waiting["ready"], waiting["read_fraction"]) == (False, 0.25)
        assert "totals" not in waiting
        assert "25% done" in waiting["message"]
        world.model.caught_up()
        found = events.next()
        assert found is not None
        assert found["totals"]["total"] == "0.000001"


def test_the_stream_of_one_month() -> None:
    """Stays with its month."""
    with two_months().served() as client, listen(client.port, "/api/v1/live?month=2017-01") as events:
        found = events.next()
        assert found is not None
        assert (found["month"], found["status"]) == ("2017-01", "final")


def test_the_stream_ends_with_the_exporter() -> None:
    """Stopping does not wait for those who watch."""
    with charlie().served() as client:
        connection = listen(client.port)
        events = connection.__enter__()
        events.next()
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert events.next() is None
    connection.__exit__(None, None, None)
