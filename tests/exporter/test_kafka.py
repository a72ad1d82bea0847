"""The exporter on a real Kafka: it shows what is committed, knows when it has read all, and outlives the broker."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from billing.runtime.kafka import admin_client, ensure_topics
from billing.runtime.topic_reader import Record
from billing.settings import Settings
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port
from exporter import app
from exporter.feeds import kafka as kafka_feed
from exporter.model.read_model import ReadModel
from tests.conftest import Kafka
from tests.exporter.client import Client, serve
from tests.exporter.world import CommittedSums
from tests.topics.test_watch import alter

PARTITIONS = 3


def settings_of(bootstrap_servers: str, prefix: str) -> Settings:
    return Settings(
        bootstrap_servers=bootstrap_servers,
        input_topic=f"{prefix}incoming",
        subtotals_topic=f"{prefix}subtotals",
        invoices_topic=f"{prefix}invoices",
        rejected_topic=f"{prefix}rejected",
        input_partitions=PARTITIONS,
        exporter_host="127.0.0.1",
        exporter_port=0,
        kafka={"log_level": 0},
    )


@pytest.fixture
def settings(kafka: Kafka, topic_prefix: str) -> Settings:
    found = settings_of(kafka.bootstrap_servers, topic_prefix)
    ensure_topics(found, ("input", "subtotals", "invoices"))
    return found


def transactional(settings: Settings) -> Producer:
    producer = Producer({
        "bootstrap.servers": settings.bootstrap_servers,
        "transactional.id": f"{settings.subtotals_topic}-test",
        "log_level": 0,
    })  # fmt: skip
    producer.init_transactions(60)
    return producer


def send(producer: Producer, settings: Settings, records: list[Record]) -> None:
    """Send records wherever their keys lead: those of one commit go to several partitions."""
    for record in records:
        producer.produce(settings.subtotals_topic, key=record.key, value=record.value)
    producer.flush(60)


def commit(producer: Producer, settings: Settings, committed: CommittedSums) -> None:
    producer.begin_transaction()
    send(producer, settings, committed.commit())
    producer.commit_transaction(60)


@contextmanager
def exporter(settings: Settings) -> Iterator[tuple[Client, list[Exception]]]:
    failures: list[Exception] = []
    with serve(lambda: app.build(settings, False, failures.append)) as client:
        yield client, failures


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def ready(client: Client) -> bool:
    return client.get("/readyz").status == 200


def total(client: Client, customer: str = "Charlie") -> str | None:
    answer = client.get(f"/customers/{customer}?month=2017-02")
    return answer.json["total"] if answer.status == 200 else None


def shows(client: Client, expected: str) -> bool:
    return total(client) == expected


def test_what_is_committed_is_shown_and_nothing_else(settings: Settings) -> None:
    """An open transaction is invisible, an aborted one stays so, a committed one shows whole and soon."""
    producer, committed = transactional(settings), CommittedSums()
    committed.event("Charlie", 199_990_000)
    commit(producer, settings, committed)
    with exporter(settings) as (client, failures):
        wait_until(lambda: ready(client))
        assert total(client) == "199.990000"

        aborted = CommittedSums(offset=100)
        aborted.event("Charlie", 1_000_000_000)
        producer.begin_transaction()
        send(producer, settings, aborted.commit())
        time.sleep(0.5)
        assert total(client) == "199.990000"
        producer.abort_transaction(60)

        for number in range(1, 6):
            committed.event("Charlie", 1_000_000, partition=number % 3)
            committed.event(f"c{number}", 2_000_000, "CALL", partition=number % 3)
            commit(producer, settings, committed)
            expected = f"{199 + number}.990000"
            wait_until(partial(shows, client, expected))
        assert client.ok("/types/CALL")["total"] == "10.000000"
        assert client.ok("/readyz")["status"] == "ready"
        assert not failures


def test_nothing_is_told_until_all_is_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading slowly, it answers 503 and how far it is, never a part of the total."""
    producer, committed = transactional(settings), CommittedSums()
    for number in range(300):
        committed.event(f"c{number}", 1_000_000)
    commit(producer, settings, committed)
    apply = ReadModel.apply

    def slowly(model: ReadModel, records: list[Record]) -> None:
        time.sleep(0.05)
        apply(model, records)

    monkeypatch.setattr(ReadModel, "apply", slowly)
    monkeypatch.setattr(kafka_feed, "_BATCH_RECORDS", 10)
    seen: set[tuple[int, Any]] = set()
    with exporter(settings) as (client, _):
        deadline = time.monotonic() + 60
        while not ready(client):
            assert time.monotonic() < deadline
            answer = client.get("/months")
            if answer.status == 503:
                assert answer.headers["Retry-After"] == "1"
                seen.add((answer.status, answer.json["message"]))
            assert "billing_subtotal_euros{" not in client.get("/metrics").text or ready(client)
        assert client.ok("/months")["months"][0]["total"] == "300.000000"
    assert any("% done" in message for _, message in seen)


def test_lag_is_told_against_the_input(settings: Settings) -> None:
    """Input that nobody has counted is lag, in the overview and in the metrics."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    for number in range(7):
        producer.produce(settings.input_topic, value=b"1488142855,Charlie,1", partition=number % PARTITIONS)
    producer.flush(60)
    with exporter(settings) as (client, _):
        wait_until(lambda: ready(client) and client.ok("/api/v1/overview")["freshness"]["lag_records"] == 7)
        metrics = client.get("/metrics").text
        assert 'billing_lag_records{partition="0"} 3.0\n' in metrics
        assert 'billing_log_end_offset{partition="2"} 2.0\n' in metrics
        assert "billing_kafka_up 1.0\n" in metrics


def test_markers_of_transactions_are_no_lag(settings: Settings) -> None:
    """A producer with transactions leaves offsets behind its records that nobody can count; real records still are."""
    producer, committed = transactional(settings), CommittedSums()
    producer.begin_transaction()
    for _ in range(5):
        producer.produce(settings.input_topic, value=b"1488142855,Charlie,1", partition=0)
    producer.commit_transaction(60)
    with exporter(settings) as (client, _):
        wait_until(lambda: ready(client) and lag(client) == 6)
        committed.event("Charlie", 5_000_000, count=5)
        commit(producer, settings, committed)
        wait_until(lambda: lag(client) == 0)
        assert 'billing_log_end_offset{partition="0"} 6.0\n' in client.get("/metrics").text
        producer.begin_transaction()
        producer.produce(settings.input_topic, value=b"1488142855,Charlie,1", partition=0)
        producer.commit_transaction(60)
        wait_until(lambda: lag(client) == 3)
        time.sleep(2.5)
        assert lag(client) == 3


def lag(client: Client) -> int | None:
    lag_records: int | None = client.ok("/api/v1/overview")["freshness"]["lag_records"]
    return lag_records


def test_delays_are_measured(settings: Settings) -> None:
    """From when Kafka can have taken the oldest event to now, for commits seen live: its stamp of 2017 is no news."""
    producer, committed = transactional(settings), CommittedSums()
    with exporter(settings) as (client, _):
        wait_until(lambda: ready(client))
        committed.event("Charlie", 1)
        commit(producer, settings, committed)
        wait_until(lambda: total(client) is not None)
        delay = client.ok("/api/v1/overview")["freshness"]["delay_seconds"]
        assert 0 <= delay < 60
        assert "billing_visible_delay_seconds_count 1.0\n" in client.get("/metrics").text


def test_a_feed_that_fails_is_not_passed_over(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure is told to whoever runs the process, and numbers are no longer served."""

    def broken(_: ReadModel, __: list[Record]) -> None:
        raise RuntimeError("disk full or so")

    with exporter(settings) as (client, failures):
        wait_until(lambda: ready(client))
        monkeypatch.setattr(ReadModel, "apply", broken)
        wait_until(lambda: bool(failures))
        answer = client.get("/customers")
        assert (answer.status, answer.json["error"]["code"]) == (503, "stopped")
        assert client.get("/readyz").status == 503
    assert isinstance(failures[0], RuntimeError)


def test_a_topic_that_has_got_more_partitions_is_noticed(settings: Settings) -> None:
    """What is written there would be missed: the exporter asks to be restarted."""
    with exporter(settings) as (client, failures):
        wait_until(lambda: ready(client))
        admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
        for future in admin.create_partitions([NewPartitions(settings.subtotals_topic, PARTITIONS + 1)]).values():
            future.result(60)
        wait_until(lambda: bool(failures))
    assert "restart the exporter" in str(failures[0])


def test_a_topic_that_makes_a_loss_possible_is_told(settings: Settings) -> None:
    """By the metric, readiness and the page, while it lasts; the numbers go on being served."""
    settings = settings.model_copy(update={"topic_check_seconds": 1})
    warning = f'billing_topic_warnings{{setting="delete.retention.ms",topic="{settings.invoices_topic}"}}'

    def topics_check(client: Client) -> dict[str, Any]:
        return next(check for check in client.ok("/readyz")["checks"] if check["name"] == "topics")

    with exporter(settings) as (client, failures):
        wait_until(lambda: ready(client) and f"{warning} 0.0" in client.get("/metrics").text)
        assert topics_check(client) == {"name": "topics", "ok": True, "message": "the topics are what they must be"}

        alter(admin_client(settings), settings.invoices_topic, "delete.retention.ms", "1000")
        wait_until(lambda: f"{warning} 1.0" in client.get("/metrics").text)
        assert client.ok("/readyz")["status"] == "degraded"
        message = topics_check(client)["message"]
        assert f"topic {settings.invoices_topic}: delete.retention.ms is 1000, must be" in message
        assert message.endswith("docs/runbook.md#topics-wrong")
        health = client.ok("/api/v1/overview")["health"]
        assert not health["ok"]
        assert {"name": "topics", "ok": False, "message": message} in health["checks"]

        alter(admin_client(settings), settings.invoices_topic, "delete.retention.ms", "86400000")
        wait_until(lambda: client.ok("/readyz")["status"] == "ready")
        assert f"{warning} 0.0" in client.get("/metrics").text
        assert not failures


@pytest.mark.slow("brokers that fail")
def test_it_outlives_the_broker(tmp_path: Path) -> None:
    """While the broker is gone the last numbers are served and it is said; when it is back, they move again."""
    with KafkaBroker(tmp_path / "kafka", free_port()) as broker:
        settings = settings_of(broker.bootstrap_servers, "own.")
        ensure_topics(settings, ("input", "subtotals", "invoices"))
        producer, committed = transactional(settings), CommittedSums()
        committed.event("Charlie", 1_000_000)
        commit(producer, settings, committed)
        with exporter(settings) as (client, failures):
            wait_until(lambda: ready(client) and "billing_kafka_up 1.0" in client.get("/metrics").text)
            broker.kill()
            wait_until(lambda: "billing_kafka_up 0.0" in client.get("/metrics").text)
            assert total(client) == "1.000000"
            assert client.ok("/readyz")["status"] == "degraded"
            broker.restart_node()
            committed.event("Charlie", 1_000_000)
            commit(producer, settings, committed)
            wait_until(lambda: total(client) == "2.000000", 120.0)
            wait_until(lambda: client.ok("/readyz")["status"] == "ready")
            assert not failures
