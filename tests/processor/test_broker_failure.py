"""The broker fails under the processor: killed and started again, one of three gone. The totals stay exact."""

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from broker.kafka_broker import KafkaBroker
from broker.ports import free_port
from tests.pipeline import SHORT_SESSION, Pipeline, wait_until
from tests.processor.test_exactly_once import Feeder, Recount, wait_for_more

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600), pytest.mark.slow("brokers that fail")]


@pytest.mark.parametrize("options", [{}, {"kafka": SHORT_SESSION}], ids=["as a rule", "sessions end meanwhile"])
def test_a_broker_that_is_killed_and_comes_back(tmp_path: Path, unique_name: str, options: dict[str, object]) -> None:
    """The processor goes on from its last commit by itself: nothing lost, nothing twice.

    Where its session ends meanwhile its partitions are lost, and it may be fenced by itself as it joins again.
    """
    with (
        KafkaBroker(tmp_path / "kafka", free_port()) as broker,
        Pipeline(broker.bootstrap_servers, tmp_path, unique_name, **options) as pipeline,
    ):
        recount = Recount()
        process = pipeline.start("process")
        with Feeder(pipeline, recount):
            for _ in range(2):
                wait_for_more(pipeline)
                broker.kill()
                broker.restart_node()
            wait_for_more(pipeline)
        recount.check(pipeline)
        assert process.poll() is None


class KeptRunning:
    """A processor that is started again when it ends, as whatever runs services does."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._process = pipeline.start("process")
        self.starts = 1

    def wait_for_more(self, records: int = 1_000) -> None:
        """Wait until so many more records are counted."""
        expected = self._pipeline.consumed() + records
        wait_until(lambda: self._is_running() and self._pipeline.consumed() >= expected, what=f"{records} more records")

    def _is_running(self) -> bool:
        if self._process.poll() is not None:
            self._process = self._pipeline.start("process")
            self.starts += 1
        return True


def coordinator_of(pipeline: Pipeline) -> int:
    """Return the node that coordinates the processors' group."""
    client = AdminClient({"bootstrap.servers": pipeline.settings.bootstrap_servers, "log_level": 0})
    (future,) = client.describe_consumer_groups([pipeline.settings.consumer_group]).values()
    node: int = future.result(60).coordinator.id
    return node


def test_one_broker_of_three_is_lost(tmp_path: Path, unique_name: str) -> None:
    """With three nodes the loss of one stops nothing for long, whether it coordinated the group or not.

    A client that waits for a coordinator that is gone ends the processor, and its next start goes on.
    """
    with (
        KafkaBroker(tmp_path / "kafka", free_port(3), nodes=3) as broker,
        Pipeline(broker.bootstrap_servers, tmp_path, unique_name) as pipeline,
    ):
        recount = Recount()
        processor = KeptRunning(pipeline)
        with Feeder(pipeline, recount):
            processor.wait_for_more()
            for coordinates in (False, True):
                lost = (coordinator_of(pipeline) + (0 if coordinates else 1)) % 3
                broker.kill(lost)
                processor.wait_for_more(3_000)
                broker.restart_node(lost)
                processor.wait_for_more(3_000)
                assert processor.starts <= (2 if coordinates else 1)
        recount.check(pipeline)


def test_a_stop_is_not_held_up_by_a_broker_that_is_gone(tmp_path: Path, unique_name: str) -> None:
    """Told to stop while no broker answers, the processor leaves by itself; started again, it has lost nothing."""
    with (
        KafkaBroker(tmp_path / "kafka", free_port()) as broker,
        Pipeline(broker.bootstrap_servers, tmp_path, unique_name) as pipeline,
    ):
        recount = Recount()
        process = pipeline.start("process")
        with Feeder(pipeline, recount):
            wait_for_more(pipeline)
        broker.kill()
        process.terminate()
        assert process.wait(120) in (0, 1)
        broker.restart_node()
        pipeline.start("process")
        recount.check(pipeline)
