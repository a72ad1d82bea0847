"""Nothing is lost: whatever cannot be billed is a rejected record, unchanged, with its reason and origin."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from billing.event import REASONS_OF_ORDER, Reason
from billing.topics import LARGEST_RECORD_BYTES
from tests.conftest import Kafka, new_name
from tests.pipeline import Pipeline, wait_until

FAR_FUTURE = b"4102444800,Charlie,1"  # 2100-01-01

BAD_INPUT: list[tuple[bytes | None, Reason]] = [
    (b"nonsense", Reason.MALFORMED),
    (b"1488142855,Charlie", Reason.MALFORMED),
    (b"1488142855,Charlie,1,MISC,id,more", Reason.MALFORMED),
    (b'1488142855,"Charlie,1', Reason.MALFORMED),
    (b'{"timestamp":1488142855,', Reason.MALFORMED),
    (b"1488142855,\xff\xfe,1", Reason.MALFORMED),
    (b"", Reason.MALFORMED),
    (None, Reason.MALFORMED),
    (b"yesterday,Charlie,1", Reason.BAD_TIMESTAMP),
    (b"-1,Charlie,1", Reason.BAD_TIMESTAMP),
    (b"1488142855.0005,Charlie,1", Reason.BAD_TIMESTAMP),
    (b'{"timestamp":"2017-13-01T00:00:00Z","customer":"Charlie","amount":"1"}', Reason.BAD_TIMESTAMP),
    (FAR_FUTURE, Reason.FUTURE_TIMESTAMP),
    (b"1488142855,,1", Reason.BAD_CUSTOMER),
    (b"1488142855, Charlie,1", Reason.BAD_CUSTOMER),
    (b"1488142855,Char\x07lie,1", Reason.BAD_CUSTOMER),
    (b"1488142855," + b"x" * 201 + b",1", Reason.BAD_CUSTOMER),
    (b'{"timestamp":1488142855,"customer":[7],"amount":"1"}', Reason.BAD_CUSTOMER),
    (b"1488142855,Charlie,much", Reason.BAD_AMOUNT),
    (b"1488142855,Charlie,1e3", Reason.BAD_AMOUNT),
    (b"1488142855,Charlie,1000000000000", Reason.BAD_AMOUNT),
    (b'{"timestamp":1488142855,"customer":"Charlie","amount":null}', Reason.BAD_AMOUNT),
    (b"1488142855,Charlie,0.0000001", Reason.TOO_PRECISE),
    (b'{"timestamp":1488142855,"customer":"Charlie","amount":0.0000001}', Reason.TOO_PRECISE),
    (b"1488142855,Charlie,1,FAX", Reason.UNKNOWN_TYPE),
    (b"1488142855,Charlie,1,MISC," + b"x" * 17_000, Reason.TOO_LARGE),
    # With its key and header as large as the input topic takes: what is added to it must fit as well.
    (b"1488142855,Charlie,1,MISC," + b"x" * 1_048_400, Reason.TOO_LARGE),
]


@pytest.fixture(scope="module")
def results(
    kafka: Kafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[int, tuple[bytes | None, bytes | None, dict[str, bytes]]], Pipeline]]:
    """Each bad record between two good ones, all in input partition 0; what was rejected, by source offset."""
    directory: Path = tmp_path_factory.mktemp("rejected")
    with Pipeline(kafka.bootstrap_servers, directory, new_name()) as pipeline:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "message.max.bytes": 2_000_000})
        for index, (payload, _) in enumerate(BAD_INPUT):
            for value in (b"1488142855,Alice,0.01", payload):
                producer.produce(
                    pipeline.settings.input_topic, value, f"k{index}".encode(), partition=0, headers={"trace": b"t1"}
                )
        producer.produce(pipeline.settings.input_topic, b"1488142855,Alice,0.01", partition=0)
        producer.flush()
        process = pipeline.start("process")
        wait_until(lambda: pipeline.consumed() == 2 * len(BAD_INPUT) + 1, what="all records counted")
        rejected = {
            int(dict(record.headers)["source-offset"]): (record.key, record.value, dict(record.headers))
            for record in pipeline.rejected()
        }
        assert process.poll() is None, "bad input stops nothing"
        yield rejected, pipeline


@pytest.mark.parametrize("index", range(len(BAD_INPUT)), ids=lambda i: f"{BAD_INPUT[i][1]}-{BAD_INPUT[i][0]!r}"[:60])
def test_a_bad_event_is_rejected_unchanged_with_its_reason(
    results: tuple[dict[int, tuple[bytes | None, bytes | None, dict[str, bytes]]], Pipeline], index: int
) -> None:
    """Key, value and headers are as they came; reason, detail and origin are added."""
    rejected, pipeline = results
    payload, reason = BAD_INPUT[index]
    key, value, headers = rejected[2 * index + 1]
    assert (key, value) == (f"k{index}".encode(), payload)
    assert headers["trace"] == b"t1"
    assert headers["reason"].decode() == reason
    assert headers["detail"]
    assert headers["source-topic"].decode() == pipeline.settings.input_topic
    assert headers["source-partition"] == b"0"


def test_the_good_events_around_them_are_billed(
    results: tuple[dict[int, tuple[bytes | None, bytes | None, dict[str, bytes]]], Pipeline],
) -> None:
    """Nothing but the bad ones is rejected, and every reason of the closed list occurs."""
    rejected, pipeline = results
    assert len(rejected) == len(BAD_INPUT)
    customers, _ = pipeline.totals()
    good = len(BAD_INPUT) + 1
    assert customers == {("2017-02", "Alice", "MISC"): [good * 10_000, good]}
    assert {reason for _, reason in BAD_INPUT} == set(Reason) - REASONS_OF_ORDER


def limit_rejected_topic(pipeline: Pipeline, max_message_bytes: int) -> None:
    """Set the largest record that the rejected topic takes."""
    entry = ConfigEntry("max.message.bytes", str(max_message_bytes), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, pipeline.settings.rejected_topic, incremental_configs=[entry])
    client = AdminClient({"bootstrap.servers": pipeline.settings.bootstrap_servers})
    for future in client.incremental_alter_configs([resource]).values():
        future.result(60)


def test_a_rejected_record_that_does_not_fit_stops_the_processor_until_it_does(
    kafka: Kafka, tmp_path: Path, unique_name: str
) -> None:
    """Exit code 1 and a line that names the topic and the runbook; with a higher limit it goes on, nothing lost."""
    record = b"1488142855,Charlie,1,MISC," + bytes(random.Random(1).choices(b"abcdefghijklmnopqrstuvwxyz", k=50_000))
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        limit_rejected_topic(pipeline, 40_000)
        pipeline.produce(record)
        pipeline.flush()
        assert pipeline.start("process").wait(180) == 1
        last_line = pipeline.log_of("process").splitlines()[-1]
        assert pipeline.settings.rejected_topic in last_line
        assert "docs/runbook.md#rejected-too-large" in last_line
        assert pipeline.rejected() == []

        limit_rejected_topic(pipeline, LARGEST_RECORD_BYTES)
        pipeline.start("process")
        wait_until(lambda: pipeline.consumed() == 1, what="the record counted")
        assert [rejected.value for rejected in pipeline.rejected()] == [record]
