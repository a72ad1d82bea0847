"""`qb explain` on a real Kafka: the totals that the exporter answers, invoices, a planted difference, Ctrl-C."""

import csv
import io
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer

from billing.event import BillableEvent
from billing.period import month_calendar
from billing.runtime.kafka import ensure_topics
from billing.settings import load_settings
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, encode_key, encode_progress, encode_sums
from broker.ports import free_port
from qb.audit.app import audit
from tests.conftest import Kafka, new_name
from tests.explain.made_up import payload
from tests.forking import run_process, start_process
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until

MONTHS = ("2026-03", "2026-04")
CUSTOMERS = ("Zoe", "Zoé", "a/b", "Zoe2")
TYPES = ("CALL", "DATA")
LATE_MONTH = "2026-03"


def run_explain(pipeline: Pipeline, *arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **pipeline.environment, **{f"QB_{key.upper()}": one for key, one in options.items()}}
    return run_process("qb", "explain", *arguments, environment=environment)


def explained(pipeline: Pipeline, *arguments: str, **options: str) -> dict[str, Any]:
    """What the command answers as JSON; its exit code goes with its conclusion."""
    done = run_explain(pipeline, "--json", *arguments, **options)
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if document["conclusion"] == "is_it" else 1), done.stderr
    return document


def made_up(seed: int, months: tuple[str, ...], count: int) -> list[bytes]:
    """Events of all customers and types, out of order."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        start_ms, end_ms = month_calendar("UTC").bounds_ms(draw.choice(months))
        event = BillableEvent(
            draw.randrange(start_ms, end_ms), draw.choice(CUSTOMERS), draw.randrange(-(10**7), 10**8),
            draw.choice(TYPES), f"e{seed}-{number}",
        )  # fmt: skip
        found.append(payload(event, as_json=draw.random() < 0.3))
    return found


# What names Zoe and cannot be billed, and how it is listed: month, reason.
REJECTED = {
    b"1775000000,Zoe,much": ("2026-03", "bad_amount"),
    b"1775000000, Zoe,1": ("2026-03", "bad_customer"),
    b"soon,Zoe,1": (None, "bad_timestamp"),
    b'{"customer":"Zoe","timestamp":1775000000,"amount":"0.1234567"}': ("2026-03", "too_precise"),
}


@pytest.fixture(scope="module")
def counted(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A deployment that has counted two months, closed the first one, and counted late events of it afterwards."""
    folder, port = tmp_path_factory.mktemp("explain"), free_port()
    # Events come in any order: none is too old for its id.
    options = {"exporter_port": port, "dedup_window_days": 100}
    with Pipeline(kafka.bootstrap_servers, folder, new_name(), **options) as pipeline:
        pipeline.start("process")
        values = [*made_up(1, MONTHS, 600), *REJECTED]
        for number, value in enumerate(values):
            pipeline.produce(value, partition=number % INPUT_PARTITIONS)
        pipeline.flush()
        wait_until(lambda: pipeline.consumed() == len(values), what="all counted")
        close(pipeline, MONTHS[0])
        late = made_up(2, (LATE_MONTH,), 100)
        for number, value in enumerate(late):
            pipeline.produce(value, partition=number % INPUT_PARTITIONS)
        pipeline.flush()
        wait_until(lambda: pipeline.consumed() == len(values) + len(late), what="the late ones counted")
        close(pipeline, MONTHS[1])
        pipeline.start("export")
        yield pipeline


def close(pipeline: Pipeline, month: str) -> None:
    done = pipeline.start("invoice", month, "--month", month, "--now")
    assert done.wait(120) == 0, pipeline.log_of("invoice", month)


def answered(pipeline: Pipeline, customer: str, month: str) -> dict[str, Any]:
    """What the exporter answers of a customer's month, once it knows."""
    quoted = quote(customer, safe="")
    url = f"http://127.0.0.1:{pipeline.settings.exporter_port}/customers/{quoted}?month={month}"
    found: list[dict[str, Any]] = []

    def ask() -> bool:
        try:
            with urlopen(url, timeout=5) as answer:
                found.append(json.load(answer))
        except OSError:
            return False
        return True

    wait_until(ask, what="the exporter answers")
    return found[-1]


def test_a_month_is_what_the_exporter_answers(counted: Pipeline) -> None:
    """Of each customer and type: the same total and count, and events that add up to them."""
    for customer in CUSTOMERS:
        told = answered(counted, customer, LATE_MONTH)
        document = explained(counted, customer, LATE_MONTH)
        assert document["conclusion"] == "is_it", document["sentence"]
        assert {one["type"]: one["found"] for one in document["figures"]} == {
            type_: {"total": sums["total"], "count": sums["count"]} for type_, sums in told["types"].items()
        }
        events = [one for one in document["events"] if one["fate"] == "counted"]
        assert len(events) == told["count"]
        assert {one["partition"] for one in events} == set(range(INPUT_PARTITIONS))
        assert all(one["id"] for one in events)


def test_the_exporter_lists_the_same_events(counted: Pipeline) -> None:
    """Page by page, with the same sum and the same conclusion."""
    answered(counted, "Zoe", LATE_MONTH)
    events: list[dict[str, Any]] = []
    url = f"http://127.0.0.1:{counted.settings.exporter_port}/customers/Zoe/events"
    query = f"month={LATE_MONTH}&limit=40"
    for _ in range(30):
        with urlopen(f"{url}?{query}", timeout=30) as answer:
            page = json.load(answer)
        events += page["events"]
        query = f"cursor={page['next']}&limit=40"
        if page["next"] is None:
            break
    document = explained(counted, "Zoe", LATE_MONTH)

    def places(listed: list[dict[str, Any]]) -> list[tuple[object, ...]]:
        return sorted((one["partition"], one["offset"], one["amount"] or "", one["fate"]) for one in listed)

    assert page["is_it"] is True
    assert places(events) == places(document["events"])


def test_one_type_is_a_part_of_it(counted: Pipeline) -> None:
    """The events of that type, read natively or through Python."""
    told = answered(counted, "Zoe", LATE_MONTH)["types"]["CALL"]
    for way in ("true", "false"):
        document = explained(counted, "Zoe", LATE_MONTH, "call", native_reading=way)
        assert document["figures"] == [
            {"month": LATE_MONTH, "type": "CALL", "told": told, "found": told, "is_it": True}
        ]
        assert {one["type"] for one in document["events"] if one["fate"] == "counted"} == {"CALL"}


def test_rejected_records_that_name_the_customer_are_marked(counted: Pipeline) -> None:
    """As far as it can be told: what has no month of its own is listed with every month."""
    document = explained(counted, "Zoe", LATE_MONTH)
    marked = [(one["month"], one["reason"]) for one in document["events"] if one["fate"] == "rejected"]
    assert sorted(marked, key=str) == sorted(REJECTED.values(), key=str)
    assert document["rejected"] == len(REJECTED)
    other = explained(counted, "Zoe", MONTHS[1])
    assert [one["reason"] for one in other["events"] if one["fate"] != "counted"] == ["bad_timestamp"]
    assert not [one for one in explained(counted, "Zoe2", LATE_MONTH)["events"] if one["fate"] != "counted"]


def test_an_invoice_is_what_came_since_the_one_before(counted: Pipeline) -> None:
    """The first bills its month; the second its own, and the late events of the first as adjustments."""
    numbers = [f"{month}-{ordinal:06d}" for month in MONTHS for ordinal in range(1, len(CUSTOMERS) + 1)]
    seen: dict[str, list[tuple[int, int]]] = {}
    adjusted = 0
    for number in numbers:
        document = explained(counted, number)
        assert (document["conclusion"], document["invoice"]) == ("is_it", number), document["sentence"]
        events = [one for one in document["events"] if one["fate"] == "counted"]
        adjusted += sum(one["month"] == LATE_MONTH for one in events) if number > MONTHS[1] else 0
        seen.setdefault(document["customer"], []).extend((one["partition"], one["offset"]) for one in events)
    assert set(seen) == set(CUSTOMERS)
    assert adjusted == 100
    assert sum(map(len, seen.values())) == len({place for places in seen.values() for place in places}) == 700


def test_a_planted_difference_is_told(kafka: Kafka, counted: Pipeline) -> None:
    """A subtotal that says a micro more, in a copy of the topic, is not its events."""
    planted = f"{counted.settings.subtotals_topic}.planted"
    ensure_topics(load_settings({}, {**counted.environment, "QB_SUBTOTALS_TOPIC": planted}), ("subtotals",))
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    changed = 0
    for key, value in counted.latest_subtotals().items():
        if key == encode_key(CustomerMonthKey(1, LATE_MONTH, "Zoe")):
            sums = json.loads(value)["types"]
            changed, (micros, count) = changed + 1, sums["DATA"]
            value = encode_sums({"CALL": tuple(sums["CALL"]), "DATA": (micros + 1, count)})
        # A reader takes sums for counted when the progress record has come: it goes last.
        if not key.startswith(b"progress|"):
            producer.produce(planted, value, key, 0)
    for key, value in counted.latest_subtotals().items():
        if key.startswith(b"progress|"):
            producer.produce(planted, value, key, 0)
    assert (producer.flush(60), changed) == (0, 1)
    document = explained(counted, "Zoe", LATE_MONTH, subtotals_topic=planted)
    assert document["conclusion"] == "is_not_it"
    assert [one["type"] for one in document["figures"] if not one["is_it"]] == ["DATA"]
    assert "not these events: 2026-03 DATA: told" in document["sentence"]


def test_a_future_event_that_was_rejected_stays_rejected(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """By the clock of its day it lay in the future; a later clock would accept it, and it is in no sum."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, max_future_seconds=0) as pipeline:
        pipeline.start("process")
        now = int(time.time())
        month = month_calendar("UTC").month_of(now * 1_000)
        for value in (b"%d,Zoe,1" % (now - 1), b"%d,Zoe,2" % (now + 3_000)):
            pipeline.produce(value, partition=0)
        pipeline.flush()
        wait_until(lambda: pipeline.consumed() == 2, what="both counted")
        document = explained(pipeline, "Zoe", month, max_future_seconds="86400")
    assert document["conclusion"] == "is_it"
    assert [one["reason"] for one in document["events"]] == [None, "future_timestamp"]


# What is sent, all to one partition, and how it is listed: fate, amount and reason.
WITH_IDS: list[tuple[bytes, list[tuple[str, str | None, str | None]]]] = [
    (b"1775000000,Zoe,1,CALL,a", [("voided", "1.000000", None)]),
    (b'{"timestamp":1775000000,"customer":"Zoe","amount":"1.00","type":"call","id":"a"}',
     [("duplicate", None, "duplicate")]),
    (b"1775000000,Zoe,2,CALL,a", [("rejected", None, "id_conflict")]),
    (b"1775000000,Zoe2,2,CALL,a", []),
    (b"1775000001,Zoe,4,DATA,b", [("replaced", "4.000000", None)]),
    (b'{"void":"a","customer":"Zoe","id":"v"}', [("takes_back", "-1.000000", "void")]),
    (b'{"void":"a","customer":"Zoe","id":"v"}', [("duplicate", None, "duplicate")]),
    (b'{"void":"a","customer":"Zoe"}', [("rejected", None, "already_voided")]),
    (b'{"void":"nothing","customer":"Zoe"}', [("rejected", None, "unknown_id")]),
    (b'{"replace":"b","timestamp":1775000002,"customer":"Zoe","amount":8,"type":"CALL","id":"c"}',
     [("takes_back", "-4.000000", "replace"), ("counted", "8.000000", None)]),
    (b"1775000003,Zoe,16", [("counted", "16.000000", None)]),
    (b"1770000000,Zoe,32,CALL,old", []),
]  # fmt: skip


def test_ids_are_told_as_they_were_decided(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """By the processor, to the micro; and the audit finds nothing to add."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        pipeline.start("process")
        for value, _ in WITH_IDS:
            pipeline.produce(value, partition=0)
        pipeline.flush()
        wait_until(lambda: pipeline.consumed() == len(WITH_IDS), what="all counted")
        document = explained(pipeline, "Zoe", "2026-03")
        findings = audit(pipeline.settings)
    assert document["conclusion"] == "is_it", document["sentence"]
    assert [(one["fate"], one["amount"], one["reason"]) for one in document["events"]] == [
        row for _, rows in WITH_IDS for row in rows
    ]
    assert {one["type"]: one["found"] for one in document["figures"]} == {
        "CALL": {"total": "8.000000", "count": 1}, "DATA": {"total": "0.000000", "count": 0},
        "MISC": {"total": "16.000000", "count": 1},
    }  # fmt: skip
    assert (document["rejected"], document["duplicates"], document["taken_back"]) == (3, 2, 2)
    assert findings.differences == []
    assert {name: findings.figures[name] for name in ("duplicates", "voids", "replacements", "rejected")} == {
        "duplicates": 2, "voids": 1, "replacements": 1, "rejected": 4,
    }  # fmt: skip


def test_what_is_not_there_is_told(counted: Pipeline) -> None:
    """A customer or month without events is nothing, exactly; an invoice or a topic that does not exist is an error."""
    empty = explained(counted, "Nobody", LATE_MONTH)
    assert (empty["conclusion"], empty["events"], empty["figures"]) == ("is_it", [], [])
    missing = run_explain(counted, "2026-03-000099")
    topic = counted.settings.invoices_topic
    assert (missing.returncode, missing.stderr.splitlines()[-1]) == (
        1,
        f"qb: there is no invoice 2026-03-000099 in {topic}",
    )
    away = run_explain(counted, "Zoe", LATE_MONTH, subtotals_topic="no.such.topic")
    assert away.returncode == 1
    assert "qb: there is no topic no.such.topic at" in away.stderr


def test_the_list_is_text_and_csv_too(counted: Pipeline) -> None:
    """The same records; what they come to is in the text, and beside the CSV."""
    events = explained(counted, "a/b", LATE_MONTH)["events"]
    text = run_explain(counted, "a/b", LATE_MONTH)
    table = run_explain(counted, "a/b", LATE_MONTH, "--csv")
    assert (text.returncode, table.returncode) == (0, 0)
    assert f"a/b {LATE_MONTH} is these events: {len(events)} of them" in text.stdout
    assert f"a/b {LATE_MONTH} is these events: {len(events)} of them" in table.stderr
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    assert sorted(row["id"] for row in rows) == sorted(one["id"] for one in events)


def test_ctrl_c_is_a_line(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """It ends with the shell's code for an interrupt, says how far it came, and concludes nothing."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        pipeline.produce(b"1775000000,Zoe,1", partition=0)
        pipeline.flush()
        # Told as counted, but its transaction is open: reading waits.
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": unique_name})
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(pipeline.settings.input_topic, b"1775000000,Zoe,1", partition=0)
        assert producer.flush(60) == 0
        teller = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        told = encode_progress(Progress(next_offset=2))
        teller.produce(pipeline.settings.subtotals_topic, told, encode_key(ProgressKey(0)), 0)
        assert teller.flush(60) == 0
        process = start_process(
            "qb", "explain", "Zoe", LATE_MONTH, environment={**os.environ, **pipeline.environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == f"Zoe {LATE_MONTH}, counted up to 0@2\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        producer.abort_transaction(60)
    assert (process.returncode, "these events" in out) == (130, False)
    assert err.splitlines()[-1].startswith("qb: stopped ")
    assert "Traceback" not in err
