"""The broker fails under the processor: killed and started again, one of three gone. The totals stay exact."""

from pathlib import Path

from billing.runtime.broker import KafkaBroker
from billing.runtime.ports import free_port
from tests.pipeline import Pipeline
from tests.processor.test_exactly_once import Feeder, Recount, wait_for_more


def test_a_broker_that_is_killed_and_comes_back(tmp_path: Path, unique_name: str) -> None:
    """The processor goes on from its last commit by itself: nothing lost, nothing twice."""
    with (
        KafkaBroker(tmp_path / "kafka", free_port()) as broker,
        Pipeline(broker.bootstrap_servers, tmp_path, unique_name) as pipeline,
    ):
        recount = Recount()
        process = pipeline.start("process")
        with Feeder(pipeline, recount, pause_seconds=0.1):
            for _ in range(2):
                wait_for_more(pipeline)
                broker.kill()
                broker.restart_node()
            wait_for_more(pipeline)
        recount.check(pipeline)
        assert process.poll() is None


def test_one_broker_of_three_is_lost(tmp_path: Path, unique_name: str) -> None:
    """With three nodes the loss of one, the transaction coordinator's perhaps, stops nothing for long."""
    with (
        KafkaBroker(tmp_path / "kafka", free_port(3), nodes=3) as broker,
        Pipeline(broker.bootstrap_servers, tmp_path, unique_name) as pipeline,
    ):
        recount = Recount()
        process = pipeline.start("process")
        with Feeder(pipeline, recount, pause_seconds=0.1):
            wait_for_more(pipeline)
            broker.kill(0)
            wait_for_more(pipeline, 3_000)
            broker.restart_node(0)
            wait_for_more(pipeline, 3_000)
        recount.check(pipeline)
        assert process.poll() is None


def test_a_stop_is_not_held_up_by_a_broker_that_is_gone(tmp_path: Path, unique_name: str) -> None:
    """Told to stop while no broker answers, the processor leaves by itself; started again, it has lost nothing."""
    with (
        KafkaBroker(tmp_path / "kafka", free_port()) as broker,
        Pipeline(broker.bootstrap_servers, tmp_path, unique_name) as pipeline,
    ):
        recount = Recount()
        process = pipeline.start("process")
        with Feeder(pipeline, recount, pause_seconds=0.1):
            wait_for_more(pipeline)
        broker.kill()
        process.terminate()
        assert process.wait(120) in (0, 1)
        broker.restart_node()
        pipeline.start("process")
        recount.check(pipeline)
