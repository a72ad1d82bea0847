"""An option that the client or a broker does not take stops the processor with one sentence, and no traceback."""

from pathlib import Path

import pytest

from tests.conftest import Kafka
from tests.pipeline import Pipeline


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("{max.poll.interval.ms: 5000}", "max.poll.interval.ms"),  # the client: shorter than the session
        ("{transaction.timeout.ms: 2000000000}", "ransaction timeout"),  # the broker: longer than it allows
        ("{session.timeout.ms: 100, heartbeat.interval.ms: 10}", "ession timeout"),  # the broker: too short
    ],
)
def test_an_option_that_is_refused_is_told_in_one_sentence(
    kafka: Kafka, tmp_path: Path, unique_name: str, option: str, said: str
) -> None:
    """What is refused, where to correct it, and the section; at the first start, whatever fails as that ends."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        pipeline.produce(b"1488142855,Alice,1")
        pipeline.flush()
        assert pipeline.start("process", kafka=option).wait(120) == 1
        log = pipeline.log_of("process")
        last_line = log.splitlines()[-1]
        assert last_line.startswith("qb: an option is refused: ")
        assert said in last_line
        assert "docs/runbook.md#kafka-refuses" in last_line
        assert "Traceback" not in log
        assert log.count("processor starts") <= 1
