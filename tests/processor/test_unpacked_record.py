"""A record that unpacks to far more than it is on the wire is rejected, and stops neither processor nor audit."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from billing.rejected_record import KEPT_BYTES, SIZE_HEADER
from tests.conftest import Kafka
from tests.pipeline import Pipeline, wait_until

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


@pytest.mark.timeout(600)
@pytest.mark.slow("records that unpack to very much")
def test_many_of_them_take_the_memory_of_a_few(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Sixty of 60 MB, which one fetch brings, are all rejected, and never are they in memory together."""
    records, each = 60, 60_000_000
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        producer = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "compression.type": "zstd", "message.max.bytes": 200_000_000}
        )
        record = BEGINNING.ljust(each, b"x")
        for _ in range(records):
            producer.produce(pipeline.settings.input_topic, record, partition=0)
            assert producer.flush(60) == 0
        process = pipeline.start("process")
        wait_until(lambda: pipeline.consumed() == records, what="all counted")
        assert [len(rejected.value or b"") for rejected in pipeline.rejected()] == [KEPT_BYTES] * records
        status = Path(f"/proc/{process.pid}/status").read_text()
        (most_kib,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        assert most_kib * 1_024 < records * each / 3
