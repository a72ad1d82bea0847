"""The JSON data source as simpod-json-datasource speaks it, traps included."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.datasource.targets import TARGETS
from tests.exporter.client import Client
from tests.exporter.world import DAY_MS, FEBRUARY_MS, HOUR_MS, World, two_months

EURO = {"unit": "currency:financial:€", "decimals": 2}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with two_months().served() as client:
        yield client


def body(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a request as Grafana 12 sends it, with everything that a server must leave alone."""
    return {
        "app": "dashboard",
        "requestId": "SQR104",
        "timezone": "utc",
        "panelId": 4,
        "panelPluginId": "timeseries",
        "dashboardUID": "qb-management",
        "range": {
            "from": "2017-02-01T00:00:00.000Z",
            "to": "2017-02-28T23:59:59.000Z",
            "raw": {"from": "now-28d", "to": "now"},
        },
        "rangeRaw": {"from": "now-28d", "to": "now"},
        "interval": "30m",
        "intervalMs": 1_800_000,
        "maxDataPoints": 1_296,
        "scopedVars": {"undefined": {"text": "Bob", "value": "Bob"}, "__sceneObject": {}},
        "startTime": 1_488_326_399_000,
        "filters": [],
        "targets": [
            {"datasource": {"type": "simpod-json-datasource", "uid": "billing-json"}, "editorMode": "code", **target}
            for target in targets
        ],
        **more,
    }


def ask(client: Client, *targets: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = client.post("/query", body(*targets, **more))
    assert answer.status == 200, answer.text
    frames: list[dict[str, Any]] = answer.json
    return frames


def column(frame: dict[str, Any], name: str) -> list[Any]:
    values: list[Any] = next(field["values"] for field in frame["fields"] if field["name"] == name)
    return values


def rows(frame: dict[str, Any]) -> list[tuple[Any, ...]]:
    return list(zip(*(field["values"] for field in frame["fields"]), strict=True))


def target(name: str, payload: Any = None, ref_id: str = "A") -> dict[str, Any]:
    return {"target": name, "refId": ref_id, "payload": {} if payload is None else payload}


def test_the_root_answers_the_connection_test(client: Client) -> None:
    """JSON with 200, whatever the numbers do."""
    assert client.ok("/")["name"] == "queryable-billing"
    with World().served() as waiting:
        assert waiting.ok("/")["ready"] is False


def test_series_by_type(client: Client) -> None:
    """One frame a type, aligned, with unit, label, and refId echoed; hours without events are zero."""
    frames = ask(client, target("revenue", {"type": "CALL,DATA", "bucket": "hour"}, "B"))
    assert [(frame["refId"], frame["name"]) for frame in frames] == [("B", "DATA"), ("B", "CALL")]
    time, value = frames[1]["fields"]
    assert (time["name"], time["type"]) == ("time", "time")
    assert value["config"] == {**EURO, "displayNameFromDS": "CALL"}
    assert value["labels"] == {"type": "CALL"}
    first = FEBRUARY_MS + 5 * HOUR_MS
    assert time["values"] == [first + hour * HOUR_MS for hour in range(50)]
    assert [(ms - first, v) for ms, v in zip(time["values"], value["values"], strict=True) if v] == [
        (0, 1.5), (DAY_MS, 1.5), (2 * DAY_MS, 1.5),
    ]  # fmt: skip
    assert frames[0]["fields"][0] == time


def test_buckets_fit_the_panel(client: Client) -> None:
    """Never more points than asked for, days on demand, and the sum stays the same."""
    for more in ({"maxDataPoints": 10}, {"intervalMs": 21_600_000}):
        frames = ask(client, target("revenue", {"combined": "true"}), **more)
        assert [frame["name"] for frame in frames] == ["total"]
        values = frames[0]["fields"][1]["values"]
        assert len(values) <= 10
        assert sum(values) == pytest.approx(261.240003)
    days = ask(client, target("events", {"combined": True, "bucket": "day"}))[0]["fields"]
    assert [ms - FEBRUARY_MS for ms in days[0]["values"]] == [0, DAY_MS, 2 * DAY_MS]
    assert days[1]["values"] == [3, 3, 5]


def test_the_range_is_half_open(client: Client) -> None:
    """A bucket is shown where its start lies in [from, to), the first one even if it begins before."""
    shown = {"from": "2017-02-02T00:30:00Z", "to": "2017-02-03T05:00:00Z"}
    frame = ask(client, target("events", {"bucket": "hour", "combined": True}), range=shown)[0]
    assert sum(frame["fields"][1]["values"]) == 5
    until_six = {**shown, "to": "2017-02-03T05:00:01Z"}
    frame = ask(client, target("events", {"bucket": "hour", "combined": True}), range=until_six)[0]
    assert sum(frame["fields"][1]["values"]) == 6


def test_cumulative_revenue_begins_anew_each_month(client: Client) -> None:
    """Its last point is the month's total, also if the range begins within the month."""
    both = {"from": "2017-01-01T00:00:00Z", "to": "2017-03-01T00:00:00Z"}
    frame = ask(client, target("revenue_cumulative", {"combined": True, "bucket": "day"}), range=both)[0]
    points = dict(zip(frame["fields"][0]["values"], frame["fields"][1]["values"], strict=True))
    assert points[FEBRUARY_MS - DAY_MS] == pytest.approx(13.000005)
    assert points[FEBRUARY_MS] == pytest.approx(23.750001)
    assert points[FEBRUARY_MS + 2 * DAY_MS] == pytest.approx(261.240003)
    late = {"from": "2017-02-03T00:00:00Z", "to": "2017-03-01T00:00:00Z"}
    frame = ask(client, target("revenue_cumulative", {"combined": True, "bucket": "day"}), range=late)[0]
    assert frame["fields"][1]["values"] == [pytest.approx(261.240003)]


def test_average_price_is_null_without_events(client: Client) -> None:
    """A gap, not a price of nothing."""
    frame = ask(client, target("average_price", {"type": "CALL", "bucket": "hour"}))[0]
    assert frame["fields"][1]["values"][:2] == [1.5, None]


def test_totals_compare_with_the_month_before_up_to_the_same_time(client: Client) -> None:
    """Two days and six hours into February, January had nothing yet."""
    frame = ask(client, target("totals"))[0]
    assert dict(zip([field["name"] for field in frame["fields"]], rows(frame)[0], strict=True)) == {
        "month": "2017-02",
        "month_start": FEBRUARY_MS,
        "month_end": FEBRUARY_MS + 28 * DAY_MS,
        "revenue": 261.240003,
        "revenue_exact": "261.240003",
        "events": 11,
        "average_price": 23.749091,
        "customers": 3,
        "previous_revenue": 13.000005,
        "previous_to_date": 0.0,
        "change": None,
        "status": "open",
    }
    assert frame["meta"]["notices"] == [{"severity": "info", "text": "2017-02 is still open"}]
    assert next(field["config"] for field in frame["fields"] if field["name"] == "revenue") == EURO
    assert next(field["type"] for field in frame["fields"] if field["name"] == "month") == "string"


def test_months_and_their_words(client: Client) -> None:
    """All, one, several, the newest, the one before, those of the range."""
    asked: list[tuple[Any, list[str]]] = [
        ({}, ["2017-01", "2017-02"]),
        ({"month": "2017-01"}, ["2017-01"]),
        ({"month": "2017-01,2017-02"}, ["2017-01", "2017-02"]),
        ({"month": "$__all"}, ["2017-01", "2017-02"]),
        ({"month": "newest"}, ["2017-02"]),
        ({"month": "previous"}, ["2017-01"]),
        ({"month": "range"}, ["2017-02"]),
        ({"month": "2001-01"}, []),
    ]
    for payload, months in asked:
        assert column(ask(client, target("months", payload))[0], "month") == months, payload
    assert column(ask(client, target("totals"))[0], "month") == ["2017-02"]
    assert column(ask(client, target("totals", {"month": "All"}))[0], "month") == ["2017-01", "2017-02"]


def test_types_and_their_shares(client: Client) -> None:
    """A row for each type asked for, shares of the month's revenue of those."""
    frame = ask(client, target("types", {"type": ["CALL", "DATA"]}))[0]
    assert column(frame, "type") == ["DATA", "CALL"]
    assert column(frame, "customers") == [2, 1]
    assert sum(column(frame, "share")) == pytest.approx(1)


def test_top_customers(client: Client) -> None:
    """Highest first, cut with a notice, of one type, by their first letters."""
    frame = ask(client, target("customers", {"limit": 2}))[0]
    assert column(frame, "customer") == ["Charlie", "Bob"]
    assert {"severity": "info", "text": "the first 2 customers are shown"} in frame["meta"]["notices"]
    assert column(ask(client, target("customers", {"type": "DATA"}))[0], "customer") == ["Bob", "Alice"]
    assert column(ask(client, target("customers", {"type": "DATA,CALL"}))[0], "revenue") == [60.000003, 11.25]
    assert column(ask(client, target("customers", {"prefix": "A"}))[0], "customer") == ["Alice"]
    assert column(ask(client, target("customers", {"sort": "count"}))[0], "customer") == ["Alice", "Bob", "Charlie"]
    assert column(ask(client, target("customers", {"sort": "customer", "limit": "1"}))[0], "customer") == ["Alice"]


def test_a_customer(client: Client) -> None:
    """A row for each month and type, numbers beside exact texts."""
    frame = ask(client, target("customer", {"customer": "Bob"}))[0]
    assert rows(frame) == [
        ("Bob", "2017-01", "DATA", 5.000005, "5.000005", 1, 5.000005, "final"),
        ("Bob", "2017-02", "DATA", 60.000003, "60.000003", 3, 20.000001, "open"),
    ]
    frames = ask(client, target("customer_revenue", {"customer": ["Bob", "Alice"], "month": "*"}))
    assert [one["name"] for one in frames] == ["Bob", "Alice"]
    assert frames[0]["fields"][1]["values"] == [5.000005, 60.000003]
    assert frames[0]["fields"][0]["values"] == [FEBRUARY_MS - 31 * DAY_MS, FEBRUARY_MS]


@pytest.mark.parametrize("payload", [{}, None, "", "{}", {"customer": ""}, {"customer": []}, {"type": "CALL"}])
@pytest.mark.parametrize("name", ["customer", "customer_revenue"])
def test_a_lost_payload_is_not_everybody(client: Client, name: str, payload: Any) -> None:
    """422 that says what to do, instead of everyone's total."""
    answer = client.post("/query", body({"target": name, "refId": "A", "payload": payload}))
    assert (answer.status, answer.json["error"]["code"]) == (422, "missing_payload")
    assert "${customer:csv}" in answer.json["message"]


@pytest.mark.parametrize(
    "given",
    [
        {"payload": {"customer": "Bob"}},
        {"payload": '{"customer": "Bob"}'},
        {"data": {"customer": "Bob"}},
        {"data": '{"customer": "Bob"}'},
        {"payload": {"customer": ["Bob"], "unknown": 1}},
    ],
)
def test_payloads_come_in_several_types(client: Client, given: dict[str, Any]) -> None:
    """An object, JSON text, under the old name; keys that a target does not know are left alone."""
    frame = ask(client, {"target": "customer", "refId": "A", **given})[0]
    assert set(column(frame, "customer")) == {"Bob"}


@pytest.mark.parametrize("payload", ["[1]", "nonsense", [1], 7])
def test_a_payload_that_is_none(client: Client, payload: Any) -> None:
    """A list or half a document is told."""
    answer = client.post("/query", body({"target": "totals", "payload": payload}))
    assert (answer.status, answer.json["error"]["code"]) == (422, "bad_payload")


@pytest.mark.parametrize(
    ("name", "payload", "field"),
    [
        ("revenue", {"type": "NONE"}, "type"),
        ("revenue", {"bucket": "week"}, "bucket"),
        ("totals", {"month": "17-1"}, "month"),
        ("customers", {"limit": 0}, "limit"),
        ("customers", {"limit": True}, "limit"),
        ("customers", {"sort": "x"}, "sort"),
        ("annotations", {"at": "noon"}, "at"),
        ("customer", {"customer": {"a": 1}}, "customer"),
    ],
)
def test_a_bad_payload_key_is_named(client: Client, name: str, payload: dict[str, Any], field: str) -> None:
    """422 with the field."""
    answer = client.post("/query", body(target(name, payload)))
    assert (answer.status, answer.json["error"].get("field")) == (422, field)


def test_unknown_targets_and_ranges(client: Client) -> None:
    """What makes no sense is told; targets without a name are nothing."""
    answer = client.post("/query", body(target("revenues")))
    assert (answer.status, answer.json["error"]["code"]) == (422, "unknown_target")
    for shown in ({"from": "2017-02-02T00:00:00Z", "to": "2017-02-01T00:00:00Z"}, {"from": "x", "to": "y"}):
        answer = client.post("/query", body(target("revenue"), range=shown))
        assert (answer.status, answer.json["error"]["code"]) == (422, "bad_range")
    assert ask(client, {"refId": "A"}, {"target": "", "refId": "B"}) == []
    assert client.post("/query").json == []
    assert client.post("/query/", {"targets": []}).json == []
    assert client.post("/query", {"targets": "x"}).status == 422


def test_several_targets_in_one_request(client: Client) -> None:
    """Each answers under its own refId, in their order."""
    frames = ask(client, target("totals", ref_id="X"), target("rejected", ref_id="Y"), target("freshness", ref_id="Z"))
    assert [frame["refId"] for frame in frames] == ["X", "Y", "Z"]
    assert dict(rows(frames[1]))["malformed"] == 2
    assert column(frames[2], "partition") == ["0", "1"]


def test_annotations_are_one_frame_with_the_five_columns(client: Client) -> None:
    """January has ended at the first of February and is closed; the text is never empty."""
    frames = ask(client, target("annotations", ref_id="Anno"))
    assert len(frames) == 1
    assert [field["name"] for field in frames[0]["fields"]] == ["time", "timeEnd", "title", "text", "tags"]
    assert rows(frames[0]) == [(FEBRUARY_MS, FEBRUARY_MS, "2017-01 is closed", "2 invoices, 13.00 EUR", "month,final")]
    closed = ask(client, target("annotations", {"at": "closed"}))[0]
    assert column(closed, "time") == [FEBRUARY_MS + DAY_MS]
    elsewhere = {"from": "2016-01-01T00:00:00Z", "to": "2016-02-01T00:00:00Z"}
    assert rows(ask(client, target("annotations"), range=elsewhere)[0]) == []


def test_invoices(client: Client) -> None:
    """The newest month that has any, or what is asked for."""
    frame = ask(client, target("invoices"))[0]
    assert rows(frame)[1] == ("2017-01-000002", "Bob", "2017-01", 5.0, "5.000005", 1, FEBRUARY_MS + DAY_MS)
    assert column(ask(client, target("invoices", {"customer": "Alice"}))[0], "customer") == ["Alice"]
    assert rows(ask(client, target("invoices", {"month": "2017-02"}))[0]) == []
    cut = ask(client, target("invoices", {"limit": 1}))[0]
    assert cut["meta"]["notices"][0]["severity"] == "warning"


@pytest.mark.parametrize("name", ["filters", "adhocFilters"])
def test_ad_hoc_filters(client: Client, name: str) -> None:
    """By customer, type and month, added up one by one where that is needed."""
    bob = [{"key": "customer", "operator": "=", "value": "Bob"}]
    assert column(ask(client, target("totals"), **{name: bob})[0], "revenue_exact") == ["60.000003"]
    assert column(ask(client, target("totals"), **{name: bob})[0], "customers") == [1]
    not_bob = [{"key": "customer", "operator": "!~", "value": "B.*"}]
    assert column(ask(client, target("customers"), **{name: not_bob})[0], "customer") == ["Charlie", "Alice"]
    assert column(ask(client, target("types"), **{name: not_bob})[0], "revenue") == [0.0, 6.75, 4.5, 0.0, 189.99]
    both = [*not_bob, {"key": "type", "operator": "=", "value": "CALL"}]
    assert column(ask(client, target("customers"), **{name: both})[0], "revenue") == [4.5]
    january = [{"key": "month", "operator": "<", "value": "2017-02"}]
    assert column(ask(client, target("totals"), **{name: january})[0], "month") == ["2017-01"]
    data = [{"key": "type", "operator": "=|", "value": "DATA", "values": ["DATA"]}]
    assert [frame["name"] for frame in ask(client, target("revenue"), **{name: data})] == ["DATA"]


def test_a_filter_that_a_target_cannot_follow_is_refused(client: Client) -> None:
    """Hours know no customers: leaving the filter out would show everybody's revenue."""
    bob = [{"key": "customer", "operator": "=", "value": "Bob"}]
    for name in ("revenue", "events", "rejected", "freshness"):
        answer = client.post("/query", body(target(name), filters=bob))
        assert (answer.status, answer.json["error"]["code"]) == (422, "bad_filter"), name
    assert client.post("/query", body(target("annotations"), filters=bob)).status == 200


def test_tag_keys_and_values(client: Client) -> None:
    """Values honour the other filters; newer Grafana sends more than is needed."""
    assert client.post("/tag-keys", {"timeRange": {}}).json == [
        {"type": "string", "text": key} for key in ("customer", "type", "month")
    ]
    assert texts(client, {"key": "customer", "timeRange": {}}) == ["Alice", "Bob", "Charlie"]
    january = [{"key": "month", "operator": "=", "value": "2017-01"}]
    assert texts(client, {"key": "customer", "filters": january}) == ["Alice", "Bob"]
    misc = [{"key": "type", "operator": "=", "value": "MISC"}, {"key": "customer", "operator": "=", "value": "Bob"}]
    assert texts(client, {"key": "customer", "filters": misc}) == ["Charlie"]
    assert texts(client, {"key": "month"}) == ["2017-02", "2017-01"]
    assert client.post("/tag-values", {"key": "colour"}).status == 422


def test_variables(client: Client) -> None:
    """Text and value of each; a payload without a kind is told."""
    assert client.post("/variable", {"payload": {"target": "types"}, "range": {}}).json[0] == {
        "__text": "MESSAGE",
        "__value": "MESSAGE",
    }
    assert values(client, {"target": "customers"}) == ["Alice", "Bob", "Charlie"]
    assert values(client, {"target": "customers", "search": "C*"}) == ["Charlie"]
    assert values(client, {"target": "customers", "prefix": "B", "limit": "1"}) == ["Bob"]
    assert values(client, {"target": "customers", "month": "2017-01"}) == ["Alice", "Bob"]
    assert values(client, {"target": "months"}) == ["2017-02", "2017-01"]
    assert "too_precise" in values(client, {"target": "reasons"})
    assert client.post("/variable", {"payload": '{"target": "types"}'}).status == 200
    for payload in ({}, {"target": "undefined"}, "", None):
        assert client.post("/variable", {"payload": payload}).status == 422


def test_targets_and_their_payloads(client: Client) -> None:
    """The editor gets every target, and choices for each key that has some."""
    told = client.post("/metrics", {}).json
    assert [one["value"] for one in told] == list(TARGETS)
    for one in told:
        for payload in one["payloads"]:
            assert payload["type"] in ("input", "select", "multi-select")
    choices = client.post("/metric-payload-options", {"metric": "customer", "payload": {}, "name": "customer"}).json
    assert choices[0] == {"label": "Alice", "value": "Alice"}
    months = client.post("/metric-payload-options", {"metric": "totals", "payload": {}, "name": "month"}).json
    assert [one["value"] for one in months] == ["newest", "previous", "range", "2017-02", "2017-01"]
    assert client.post("/metric-payload-options", {"metric": "totals", "name": "limit"}).json == []
    assert client.post("/metrics").json == told


def test_a_key_without_use_is_told(client: Client) -> None:
    """It may be another one misspelt, and then the numbers are not what they seem."""
    frame = ask(client, target("types", {"tpye": "CALL"}))[0]
    assert {"severity": "warning", "text": "types has no use for payload.tpye"} in frame["meta"]["notices"]


def test_scoped_variables_are_never_read(client: Client) -> None:
    """They are wrong under newer dashboards: what they say changes nothing."""
    wrong = {"customer": {"text": "Alice", "value": "Alice"}}
    with_them = ask(client, target("customer", {"customer": "Bob"}), scopedVars=wrong)
    assert with_them == ask(client, target("customer", {"customer": "Bob"}))


def test_made_up_data_says_so() -> None:
    """In a header of every answer and beside every panel."""
    world = World(standalone=True)
    world.event("Charlie", 1)
    with world.ready().served() as client:
        frame = ask(client, target("totals"))[0]
        assert "--standalone" in json.dumps(frame["meta"])
        for path in ("/", "/customers", "/metrics", "/nope", "/healthz"):
            assert client.get(path).headers["X-Billing-Standalone"] == "true"
        assert client.ok("/")["standalone"] is True


def test_a_month_begins_in_the_zone_of_the_deployment() -> None:
    """Its time is the zone's midnight, its name text."""
    world = World(time_zone="Europe/Berlin")
    world.event("Charlie", 1_000_000, at_ms=FEBRUARY_MS - 30 * 60 * 1_000)
    with world.ready().served() as client:
        frame = ask(client, target("totals"))[0]
        assert (column(frame, "month"), column(frame, "month_start")) == (["2017-02"], [FEBRUARY_MS - HOUR_MS])


def test_cors_is_off_unless_an_origin_is_set() -> None:
    """Grafana's proxy needs none; a browser's preflight gets what it asks."""
    with World().ready().served() as client:
        assert "Access-Control-Allow-Origin" not in client.get("/customers").headers
        assert "Access-Control-Allow-Origin" not in client.request("OPTIONS", "/query").headers
    with World(cors_origin="https://grafana.example").ready().served() as client:
        preflight = client.request("OPTIONS", "/query", headers={"Access-Control-Request-Method": "POST"})
        assert preflight.status == 204
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://grafana.example"
        assert preflight.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"
        assert "content-type" in preflight.headers["Access-Control-Allow-Headers"]
        assert client.get("/nope").headers["Access-Control-Allow-Origin"] == "https://grafana.example"


def texts(client: Client, document: Any) -> list[str]:
    return [one["text"] for one in client.post("/tag-values", document).json]


def values(client: Client, payload: Any) -> list[str]:
    return [one["__value"] for one in client.post("/variable", {"payload": payload}).json]
