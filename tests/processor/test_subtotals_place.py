"""A subtotals topic that was widened, or made anew, while no part ran is refused before anything is written to it."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from billing.errors import OperatorError
from billing.runtime.kafka import admin_client
from billing.runtime.topic_check import TopicRefusedError, widen_topic
from billing.settings import Settings
from processor.subtotals_place import check_subtotals_place, refuse_moved_subtotals
from tests.conftest import Kafka
from tests.pipeline import INPUT_PARTITIONS, SHORT_SESSION, Pipeline, wait_until

UNCOUNTED = -1_001
EVENT = b"1488142855,Charlie,1.00"


@pytest.mark.parametrize(
    ("counted", "ends"),
    [
        ({0: 5, 1: 7}, {0: 9, 1: 9}),
        ({0: 5, 1: 7, 2: 3}, {0: 9, 1: 9}),
        ({0: UNCOUNTED, 1: UNCOUNTED}, {0: 0, 1: 0}),
        ({0: 5, 1: UNCOUNTED}, {0: 9, 1: 0}),
        # Given partitions that no input partition writes to: nothing moves.
        ({0: 5, 1: 7}, {0: 9, 1: 9, 2: 0}),
    ],
)
def test_sums_that_lie_where_they_must_are_accepted(counted: dict[int, int], ends: dict[int, int]) -> None:
    """Nothing is counted yet, or each input partition's place has held something."""
    refuse_moved_subtotals("t", counted, ends)


@pytest.mark.parametrize(
    ("counted", "ends", "said"),
    [
        ({0: 5, 1: 7, 2: 3}, {0: 9, 1: 9, 2: 0}, "input partition 2 is counted up to offset 3, but partition 2,"),
        ({0: 5, 1: 7}, {0: 0, 1: 0}, "input partition 0 is counted up to offset 5, but partition 0,"),
        ({0: UNCOUNTED, 1: 7}, {0: 9, 1: 0}, "input partition 1 is counted up to offset 7, but partition 1,"),
    ],
)
def test_a_place_that_never_held_anything_is_refused(counted: dict[int, int], ends: dict[int, int], said: str) -> None:
    """The topic was given partitions, or is another one than before."""
    with pytest.raises(TopicRefusedError, match=rf"^topic t: {said} .*see docs/runbook\.md#topics-wrong$"):
        refuse_moved_subtotals("t", counted, ends)


def test_an_option_that_the_client_refuses_is_told_here_already() -> None:
    """It is the first client that the processor makes with these options; no broker is asked."""
    with pytest.raises(OperatorError, match=r"^an option is refused: .*max\.poll\.interval\.ms.*#kafka-refuses$"):
        check_subtotals_place(Settings(kafka={"max.poll.interval.ms": 5_000}), 4, 4)


def test_a_topic_widened_while_no_part_ran_stops_the_processor(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Six input partitions on four of the subtotals, which become five: nothing more is written to them."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, kafka=SHORT_SESSION) as pipeline:
        settings, admin = pipeline.settings, admin_client(pipeline.settings)
        widen_topic(admin, settings.input_topic, INPUT_PARTITIONS + 2)
        wait_until(
            lambda: (
                len(admin.list_topics(settings.input_topic, timeout=30).topics[settings.input_topic].partitions)
                == INPUT_PARTITIONS + 2
            ),
            what="more input partitions than the subtotals have",
        )
        sender = Producer({"bootstrap.servers": settings.bootstrap_servers, "enable.idempotence": True})
        for partition in range(INPUT_PARTITIONS + 2):
            sender.produce(settings.input_topic, EVENT, partition=partition)
        assert sender.flush(60) == 0
        process = pipeline.start("process")
        wait_until(lambda: pipeline.consumed() == INPUT_PARTITIONS + 2, what="all counted")
        process.terminate()
        assert process.wait(120) == 0
        restarted = pipeline.start("process")
        sender.produce(settings.input_topic, EVENT, partition=0)
        assert sender.flush(60) == 0
        wait_until(lambda: pipeline.consumed() == INPUT_PARTITIONS + 3, what="a restart goes on")
        restarted.terminate()
        assert restarted.wait(120) == 0

        widen_topic(admin, settings.subtotals_topic, INPUT_PARTITIONS + 1)
        assert pipeline.start("process").wait(120) == 1
        last_line = pipeline.log_of("process").splitlines()[-1]
        assert f"input partition {INPUT_PARTITIONS} is counted up to offset 1" in last_line
        assert "docs/runbook.md#topics-wrong" in last_line
