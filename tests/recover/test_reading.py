"""`qb recover` looks at a real Kafka: what it says of a deployment that counts, and of records that are not ours."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from billing.subtotal import Progress, encode_progress
from tests.conftest import Kafka
from tests.e2e.test_runbook import recover, run_qb
from tests.forking import run_process
from tests.pipeline import INPUT_PARTITIONS, SHORT_SESSION, Pipeline, wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(300)]

RECORDS = 40


@pytest.fixture
def pipeline(kafka: Kafka, tmp_path: Path, unique_name: str) -> Iterator[Pipeline]:
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, kafka=SHORT_SESSION) as pipeline:
        yield pipeline


def produce(kafka: Kafka, topic: str, key: bytes | None, value: bytes, partition: int, timestamp_ms: int = 0) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    producer.produce(topic, value, key, partition, timestamp=timestamp_ms)
    assert producer.flush(60) == 0


def test_a_deployment_that_counts_is_right(pipeline: Pipeline, kafka: Kafka) -> None:
    """Also while it runs, and whatever the order of the record times; other settings and records are told."""
    assert recover(pipeline)["conclusion"]["finding"] == "not counted yet"
    pipeline.start("process")
    for number in range(RECORDS):
        # Backwards, forwards, and all at one time.
        timestamp_ms = (1_700_000_000_000 - number, 1_700_000_000_000 + number)[number // 4 % 2]
        value = f"{1_488_142_855 + number},Charlie,1.00".encode()
        produce(kafka, pipeline.settings.input_topic, None, value, number % INPUT_PARTITIONS, timestamp_ms)
    wait_until(lambda: pipeline.consumed() == RECORDS, what="counted")
    found = recover(pipeline)
    assert found["conclusion"]["finding"] == "right", found
    assert found["group"]["members"] == ["qb-a"]
    assert {row["state_next_offset"] for row in found["partitions"]} == {RECORDS // INPUT_PARTITIONS}
    assert found["input"]["id"]
    (folder,) = found["state_folders"]
    assert folder == str(pipeline.directory / "state" / "a" / pipeline.settings.consumer_group)

    assert recover(pipeline, "--time-zone", "Asia/Tokyo")["conclusion"]["finding"] == "another time zone"
    text = run_qb(pipeline, "recover", "--apply")
    assert text.returncode == 0
    assert "nothing was set: there is nothing to set" in text.stdout
    for value, finding in (
        (encode_progress(Progress(10)).replace(b'"v":4', b'"v":2'), "older record version"),
        (encode_progress(Progress(10)).replace(b'"v":4', b'"v":5'), "newer record version"),
        (b"{", "a record that no part wrote"),
    ):
        produce(kafka, pipeline.settings.subtotals_topic, b"progress|1", value, 1)
        assert found_of(pipeline, 1)["finding"] == finding


def found_of(pipeline: Pipeline, partition: int) -> Any:
    return recover(pipeline)["partitions"][partition]


def test_no_broker_is_one_sentence() -> None:
    """What is wrong and what to do."""
    done = run_process("qb", "recover", "--json", "--bootstrap-servers", "localhost:1", environment=os.environ)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("qb: no Kafka broker answers at localhost:1")
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)
