"""A record that unpacks to far more than it is on the wire is rejected, and stops neither processor nor audit."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from billing.rejected_record import KEPT_BYTES, SIZE_HEADER
from tests.conftest import Kafka
from tests.packed_records import produce_packed
from tests.pipeline import INPUT_PARTITIONS, SHORT_SESSION, Pipeline, wait_until
from tests.whole_topic import read_whole

UNPACKED_BYTES = 90_000_000
BEGINNING = b"1488142855,Charlie,1,MISC,"


def test_a_record_of_few_bytes_that_unpacks_to_90_mb_is_rejected(
    kafka: Kafka, tmp_path: Path, unique_name: str
) -> None:
    """Its first bytes are kept, a header tells its size, the events around it are billed, and the audit is clean."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        producer = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "compression.type": "zstd", "message.max.bytes": 200_000_000}
        )
        refused: list[object] = []
        for value in (b"1488142855,Alice,1", BEGINNING.ljust(UNPACKED_BYTES, b"x"), b"1488142855,Alice,1"):
            producer.produce(
                pipeline.settings.input_topic, value, b"k", partition=0,
                on_delivery=lambda error, _: refused.append(error) if error else None,
            )  # fmt: skip
            producer.flush(60)
        assert not refused
        process = pipeline.start("process")
        wait_until(lambda: pipeline.consumed() == 3, what="all three counted")
        assert process.poll() is None
        (rejected,) = pipeline.rejected()
        assert (rejected.key, rejected.value) == (b"k", BEGINNING.ljust(KEPT_BYTES, b"x"))
        headers = dict(rejected.headers)
        assert headers["reason"] == b"too_large"
        assert headers[SIZE_HEADER] == str(UNPACKED_BYTES + 1).encode()
        assert pipeline.start("audit").wait(180) == 0


# The least that may be allowed, and more than that, in kilobytes on the wire.
ALLOWED_BYTES = 134_217_728
BEYOND_BYTES = 150_000_000


@pytest.fixture
def stopped(kafka: Kafka, tmp_path: Path, unique_name: str) -> Iterator[Pipeline]:
    """A pipeline whose processor has stopped at a batch beyond what is allowed, at offset 1 of partition 2."""
    with Pipeline(
        kafka.bootstrap_servers, tmp_path, unique_name, unpacked_bytes=ALLOWED_BYTES, kafka=SHORT_SESSION
    ) as pipeline:
        for partition in range(INPUT_PARTITIONS):
            pipeline.produce(b"1488142855,Alice,1", partition=partition)
        pipeline.flush()
        produce_packed(kafka.bootstrap_servers, pipeline.settings.input_topic, 2, BEGINNING, BEYOND_BYTES)
        pipeline.produce(b"1488142855,Alice,1", partition=2)
        pipeline.flush()
        assert pipeline.start("process").wait(180) == 1
        yield pipeline


def test_a_batch_beyond_what_is_allowed_stops_processor_and_audit_and_a_higher_limit_gets_past_it(
    stopped: Pipeline,
) -> None:
    """Each says in a line which batch it is; read with a higher limit it is rejected, and the audit is clean."""
    said = f"{stopped.settings.input_topic}[2]: the batch at offset 1 is damaged, or unpacks to more than"
    assert stopped.start("audit").wait(180) == 0, "what is counted so far has its events"
    stopped.start("process", unpacked_bytes=2**31 - 1)
    wait_until(lambda: stopped.consumed() == INPUT_PARTITIONS + 2, what="everything counted")
    assert [dict(record.headers)["reason"] for record in stopped.rejected()] == [b"too_large"]
    assert stopped.start("audit", "b", unpacked_bytes=2**31 - 1).wait(180) == 0
    assert stopped.start("audit", "c").wait(180) == 1
    for log in (stopped.log_of("process"), stopped.log_of("audit", "c")):
        assert f"qb: {said}" in log
        assert "docs/runbook.md#unpacks-too-much" in log
        assert "Traceback" not in log


@pytest.mark.slow("the runbook's remedies")
def test_a_batch_that_nobody_can_read_is_left_out_by_a_copy_of_the_input(
    stopped: Pipeline, kafka: Kafka, tmp_path: Path
) -> None:
    """As the runbook says: all other records in a new topic, counted again from there, and the audit is clean."""
    (tmp_path / "copy").mkdir()
    with Pipeline(kafka.bootstrap_servers, tmp_path / "copy", f"{stopped.settings.consumer_group}-2") as copy:
        copy.produce(b"1488142855,Alice,1", partition=2)  # before the batch
        for record in read_whole(stopped.settings, stopped.settings.input_topic, INPUT_PARTITIONS, {2: 2}):
            copy.produce(record.value, record.key, record.partition)
        copy.flush()
        copy.start("process")
        wait_until(lambda: copy.consumed() == INPUT_PARTITIONS + 1, what="everything else counted")
        assert copy.start("audit").wait(180) == 0


@pytest.mark.timeout(600)
@pytest.mark.slow("records that unpack to very much")
def test_many_of_them_take_the_memory_of_a_few(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Sixty of 60 MB, which one fetch brings, are all rejected; neither part has many in memory together."""
    records, each = 60, 60_000_000
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        for _ in range(records):
            produce_packed(kafka.bootstrap_servers, pipeline.settings.input_topic, 0, BEGINNING, each)
        process = pipeline.start("process")
        wait_until(lambda: pipeline.consumed() == records, what="all counted")
        assert [len(rejected.value or b"") for rejected in pipeline.rejected()] == [KEPT_BYTES] * records
        assert most_bytes(process.pid) < records * each / 3
        audit, most = pipeline.start("audit"), 0
        while audit.poll() is None:
            most = max(most, most_bytes(audit.pid))
            time.sleep(0.02)
        assert audit.returncode == 0
        assert 0 < most < records * each / 3


def most_bytes(process: int) -> int:
    """The most memory that a process has had so far; 0 of one that has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return 0
    return max([int(line.split()[1]) * 1_024 for line in status.splitlines() if line.startswith("VmHWM")], default=0)
