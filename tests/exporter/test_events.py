"""A customer's events over HTTP: page by page, each once, added up, and whether they are the number."""

from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from billing.listed_record import Fate, Listed
from billing.runtime.kafka import ensure_topics
from billing.settings import Settings
from exporter.feeds import input_pages
from exporter.feeds.input_pages import KafkaInputPages
from exporter.model import ongoing_list
from exporter.model.input_pages import InputPage, InputUnavailableError, PageAsked
from exporter.rest.events_cursor import EventsCursor, decode, encode, first
from tests.conftest import Kafka
from tests.exporter.client import Client
from tests.exporter.input_log import MadeUpPages
from tests.exporter.world import CHARLIE_MS, World
from tests.for_each import check_each

MONTH = "2017-02"
LOG = [
    (0, b"1488142855,Charlie,1.5,CALL,e1"),
    (1, b"1488142855,Zoe,7"),
    (1, b"1488142855,Charlie,much"),
    (0, b'{"timestamp":1488142855,"customer":"Charlie","amount":-0.25}'),
    (1, b"1483228800,Charlie,9"),
    (1, b"1488142855,Charlie,3,CALL"),
    (0, b"1488142855,Charlie,100"),
]
"""The last record is not counted yet."""


def world(pages: MadeUpPages | None, planted: int = 0) -> World:
    """A deployment that has counted all of the log but its last record."""
    made = World(input_pages=pages)
    for customer, micros, type_, at_ms, partition in (
        ("Charlie", 1_500_000, "CALL", CHARLIE_MS, 0), ("Zoe", 7_000_000, "MISC", CHARLIE_MS, 1),
        ("Charlie", -250_000, "MISC", CHARLIE_MS, 0), ("Charlie", 9_000_000, "MISC", 1_483_228_800_000, 1),
        ("Charlie", 3_000_000 + planted, "CALL", CHARLIE_MS, 1),
    ):  # fmt: skip
        made.event(customer, micros, type_, at_ms, partition=partition)
    made.committed.reject("bad_amount", partition=1)
    return made.ready()


def all_pages(client: Client, path: str) -> list[Any]:
    """Follow `next` to the end."""
    pages = [client.ok(path)]
    while following := pages[-1]["next"]:
        assert len(pages) < 50
        pages.append(client.ok(f"{path.partition('?')[0]}?cursor={following}&limit=1"))
    return pages


@pytest.mark.parametrize("most_records", [1, 2, 100])
def test_the_pages_are_the_month(most_records: int) -> None:
    """Whatever a page reads at most: each record once, up to what is counted, and the sum is the total."""
    with world(MadeUpPages(LOG, most_records)).served() as client:
        pages = all_pages(client, f"/customers/Charlie/events?month={MONTH}&limit=1")
        total = client.ok(f"/customers/Charlie?month={MONTH}")
    events = [one for page in pages for one in page["events"]]
    assert sorted((one["partition"], one["offset"], one["fate"]) for one in events) == [
        (0, 0, "counted"), (0, 1, "counted"), (1, 1, "rejected"), (1, 3, "counted"),
    ]  # fmt: skip
    assert pages[-1]["told"] == pages[-1]["found"] == {"total": total["total"], "count": total["count"]}
    assert [page["is_it"] for page in pages] == [None] * (len(pages) - 1) + [True]
    assert pages[-1]["read"] == {"records": 6, "of": 6}
    assert next(one for one in events if one["fate"] == "rejected") == {
        "partition": 1, "offset": 1, "time": "2017-02-26T21:00:55Z", "month": MONTH, "amount": None, "type": None,
        "id": None, "fate": "rejected", "reason": "bad_amount", "taken_offset": None,
    }  # fmt: skip


IDS_LOG = [
    (0, b"1488142855,Charlie,1.5,CALL,a"),
    (0, b"1488142855,Charlie,1.50,CALL,a"),
    (0, b"1488142855,Charlie,2,DATA,b"),
    (0, b'{"void":"a","customer":"Charlie","id":"v"}'),
    (1, b"1488142855,Charlie,1.5,CALL,a"),
    (0, b'{"void":"a","customer":"Charlie","id":"v"}'),
    (0, b'{"replace":"b","timestamp":1488142855,"customer":"Charlie","amount":3,"type":"DATA"}'),
]


def marked_by_hand(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark what a page before did not know, as docs/api.md tells whoever reads the pages."""
    ways = {(one["partition"], one["taken_offset"]): one["reason"] for one in events if one["taken_offset"] is not None}
    fates = {"void": "voided", "replace": "replaced"}
    return [
        {**one, "fate": fates[ways[place]]}
        if one["fate"] == "counted" and (place := (one["partition"], one["offset"])) in ways
        else one
        for one in events
    ]


def check_marks_of_pages(pages: list[Any]) -> None:
    """Each page has marked what it knows: all that it takes back itself, and nothing else."""
    for page in pages:
        counted = [
            {**one, "fate": "counted"} if one["fate"] in ("voided", "replaced") else one for one in page["events"]
        ]
        assert marked_by_hand(counted) == page["events"]


@pytest.mark.parametrize("most_records", [1, 2, 100])
@pytest.mark.parametrize("forgets", [False, True])
def test_ids_are_followed_from_page_to_page(most_records: int, forgets: bool) -> None:
    """Duplicates are in no sum, and what is taken back counts against it; also if a page has to begin anew."""
    pages_read = MadeUpPages(IDS_LOG, most_records)
    made = World(input_pages=pages_read)
    made.event("Charlie", 1_500_000, "CALL")
    made.committed.duplicate()
    made.event("Charlie", 2_000_000, "DATA")
    made.void("Charlie", 1_500_000, "CALL")
    made.event("Charlie", 1_500_000, "CALL", partition=1)
    made.committed.duplicate()
    made.event("Charlie", 1_000_000, "DATA", count=0)
    made.committed.progress[0] = replace(made.committed.progress[0], next_offset=6)
    with made.ready().served() as client:
        pages = [client.ok(f"/customers/Charlie/events?month={MONTH}&limit=2")]
        while following := pages[-1]["next"]:
            assert len(pages) < 50
            if forgets:
                pages_read.forget()
            pages.append(client.ok(f"/customers/Charlie/events?cursor={following}&limit=2"))
    events = sorted(
        (one["partition"], one["offset"], one["fate"], one["amount"], one["taken_offset"])
        for one in marked_by_hand([one for page in pages for one in page["events"]])
    )
    assert events == [
        (0, 0, "voided", "1.500000", None), (0, 1, "duplicate", None, None), (0, 2, "replaced", "2.000000", None),
        (0, 3, "takes_back", "-1.500000", 0), (0, 4, "duplicate", None, None), (0, 5, "counted", "3.000000", None),
        (0, 5, "takes_back", "-2.000000", 2), (1, 0, "counted", "1.500000", None),
    ]  # fmt: skip
    check_marks_of_pages(pages)
    assert (pages[-1]["is_it"], pages[-1]["found"]) == (True, {"total": "4.500000", "count": 2})


def test_more_ids_than_are_kept_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter's memory is bounded: the answer names the command that lists them."""
    monkeypatch.setattr(ongoing_list, "MOST_IDS", 4)
    log = [(0, b"1488142855,Charlie,1,CALL,%d" % number) for number in range(5)]
    made = World(input_pages=MadeUpPages(log))
    made.event("Charlie", 5_000_000, "CALL", count=5)
    with made.ready().served() as client:
        answer = client.get("/customers/Charlie/events")
    assert (answer.status, answer.json["error"]["code"]) == (503, "input_unavailable")
    assert "list these events with qb explain" in answer.json["error"]["message"]


def test_one_type_and_the_newest_month() -> None:
    """Without `month` it is the newest; `type` leaves the others out, but what has none of its own."""
    with world(MadeUpPages(LOG)).served() as client:
        page = client.ok("/customers/Charlie/events?type=call")
    assert (page["month"], page["type"], page["is_it"], page["next"]) == (MONTH, "CALL", True, None)
    assert page["found"] == {"total": "4.500000", "count": 2}
    assert [one["id"] for one in page["events"] if one["fate"] == "counted"] == ["e1", None]


def test_a_difference_is_told() -> None:
    """A total that its events do not add up to."""
    with world(MadeUpPages(LOG), planted=1).served() as client:
        page = client.ok("/customers/Charlie/events")
    assert (page["is_it"], page["told"]["total"], page["found"]["total"]) == (False, "4.250001", "4.250000")


def test_what_cannot_be_answered() -> None:
    """One shape of errors, each with its code."""
    pages = MadeUpPages(LOG)
    with world(pages).served() as client:
        cursor = client.ok("/customers/Charlie/events?limit=1")["next"]
        path = "/customers/Charlie/events"

        def refused(case: tuple[str, int, str]) -> None:
            answer = client.get(case[0])
            assert (answer.status, answer.json["error"]["code"]) == case[1:]

        check_each([
            ("/customers/Nobody/events", 404, "unknown_customer"),
            (f"{path}?month=2016-01", 404, "unknown_customer"),
            (f"{path}?month=16", 400, "bad_parameter"),
            (f"{path}?type=fax", 400, "bad_parameter"),
            (f"{path}?limit=0", 400, "bad_parameter"),
            (f"{path}?cursor=rubbish", 400, "bad_parameter"),
            (f"{path}?cursor=WzFd", 400, "bad_parameter"),
            (f"{path}?cursor={cursor}&month=2017-01", 400, "bad_parameter"),
            (f"{path}?cursor={cursor}&type=CALL", 400, "bad_parameter"),
        ], refused)  # fmt: skip
        pages.is_away = True
        refused((path, 503, "input_unavailable"))
    with world(None).served() as client:
        refused((path, 404, "no_input"))


places = st.integers(0, 2**63 - 1)
amounts = st.tuples(st.integers(-(10**30), 10**30), st.integers(0, 10**12))


@given(st.lists(st.tuples(places, places), max_size=5), amounts, amounts, st.sampled_from(("", "CALL")))
def test_a_cursor_comes_back_as_it_was(
    offsets: list[tuple[int, int]], told: tuple[int, int], found: tuple[int, int], type_: str
) -> None:
    """Whatever the sums and offsets are."""
    begun, ends = tuple(one for one, _ in offsets), tuple(one for _, one in offsets)
    cursor = EventsCursor(MONTH, type_, begun, ends, told, found)
    assert decode(encode(cursor)) == cursor


def test_a_page_moves_the_cursor() -> None:
    """Rejected records are in no sum; it is done where all ends are reached."""
    start = first(MONTH, "", {0: 2, 2: 1}, (5, 1))
    assert (start.offsets, start.ends, start.is_done) == ((0, 0, 0), (2, 0, 1), False)
    listed = [Listed(0, 0, MONTH, 0, 5, "CALL"), Listed(0, 1, MONTH, 0, None, "", fate=Fate.REJECTED)]
    after = start.after(listed, {0: 2})
    assert (after.found, after.read, after.is_done) == ((5, 1), 2, False)
    assert after.after([], {0: 2, 2: 1}).is_done


@pytest.mark.parametrize("most_records", [1, 500_000])
def test_kafka_gives_the_pages(
    kafka: Kafka, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, most_records: int
) -> None:
    """From several partitions, with offsets that hold no record, up to the ends and no further."""
    settings = Settings(
        bootstrap_servers=kafka.bootstrap_servers,
        input_topic=f"{topic_prefix}input",
        rejected_topic=f"{topic_prefix}rejected",
        input_partitions=3,
    )
    ensure_topics(settings, ("input", "rejected"))
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": topic_prefix})
    producer.init_transactions(60)
    for number, (partition, value) in enumerate(LOG):
        producer.begin_transaction()
        producer.produce(settings.input_topic, value, partition=partition)
        if number == 1:
            producer.flush(60)
            producer.abort_transaction(60)
        else:
            producer.commit_transaction(60)
    # The last event that is counted was rejected in its time.
    told = {"reason": "id_conflict", "detail": "", "source-topic": settings.input_topic, "source-partition": "1",
            "source-offset": "6"}  # fmt: skip
    producer.begin_transaction()
    producer.produce(settings.rejected_topic, LOG[5][1], headers=[(name, text.encode()) for name, text in told.items()])
    producer.commit_transaction(60)
    monkeypatch.setattr(input_pages, "MOST_RECORDS", most_records)
    pages = KafkaInputPages(settings)
    # A marker follows each record.
    ends = {0: 4, 1: 8, 2: 0}
    offsets: dict[int, int] = {}
    found: list[Listed] = []
    for _ in range(60):
        page: InputPage = pages.read(PageAsked("Charlie", MONTH, "", offsets, ends, 2))
        assert len(page.listed) <= 2
        found += page.listed
        offsets = dict(page.offsets)
        if len(found) == 2:
            # Another exporter goes on: it reads the records before again, and lists none of them twice.
            pages = KafkaInputPages(settings)
        if all(offsets.get(partition, 0) >= end for partition, end in ends.items()):
            break
    assert offsets == {0: 4, 1: 8} | ({2: 0} if 2 in offsets else {})
    assert sorted((one.partition, one.offset, one.amount_micros) for one in found if one.fate is Fate.COUNTED) == [
        (0, 0, 1_500_000), (0, 2, -250_000),
    ]  # fmt: skip
    rejected = sorted((one.partition, one.offset, one.reason) for one in found if one.fate is Fate.REJECTED)
    assert rejected == [(1, 2, "bad_amount"), (1, 6, "id_conflict")]


def test_a_topic_that_is_away_is_told(kafka: Kafka, unique_name: str) -> None:
    """An offset that is not there is an error with a sentence, not an empty page for ever."""
    settings = Settings(
        bootstrap_servers=kafka.bootstrap_servers,
        input_topic=f"{unique_name}.input",
        rejected_topic=f"{unique_name}.rejected",
        input_partitions=1,
    )
    ensure_topics(settings, ("input", "rejected"))
    with pytest.raises(InputUnavailableError, match="the input can't be read"):
        KafkaInputPages(settings).read(PageAsked("Charlie", MONTH, "", {0: 5}, {0: 9}, 2))
