"""A delayed EndTxn ends the processor's transaction at any step of its commit: the totals stay exact."""

import shutil
from pathlib import Path

import pytest

from billing.runtime.kafka import admin_client
from tests.conftest import Kafka
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.processor.test_exactly_once import Recount, generate
from tests.processor.torn_processor import STEPS, TORN
from tests.torn_transactions import hanging_partitions

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

SLOW = pytest.mark.slow("torn transactions of the processor")
# A late abort here would lose what is flushed already.
QUICK = ("behind the flush", "abort")
TEARING = "tests.processor.torn_processor"


def topics_of(pipeline: Pipeline) -> list[str]:
    """Return all topics of the processor, State's changelog too."""
    settings = pipeline.settings
    known = admin_client(settings).list_topics(timeout=10).topics
    mine = [topic for topic in known if topic.startswith(f"changelog__{settings.consumer_group}--")]
    return [settings.subtotals_topic, settings.rejected_topic, *mine]


@pytest.mark.parametrize(
    ("step", "ends"),
    [
        pytest.param(step, ends, marks=() if (step, ends) == QUICK else SLOW)
        for step in STEPS
        for ends in ("commit", "abort")
    ],
)
def test_a_torn_commit_changes_no_total(kafka: Kafka, tmp_path: Path, unique_name: str, step: str, ends: str) -> None:
    """Exact at once, after more events, and with State read back from its changelog; no transaction stays open."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, commit_interval_seconds=0.3) as pipeline:
        recount = Recount()
        tearing = {"TORN_STEP": step, "TORN_WHEN": tmp_path / "now", "TORN_ENDS": ends}
        pipeline.environment |= {name: str(value) for name, value in tearing.items()}
        process = pipeline.start("process", module=TEARING)
        seed = 0

        def feed() -> None:
            nonlocal seed
            seed += 1
            pipeline.produce_all(recount.add(event) for event in generate(300, seed))

        def feed_until_torn() -> bool:
            feed()
            return TORN in pipeline.log_of("process")

        feed()
        # The first commit of a partition is another matter: torn, it leaves a history without an offset.
        wait_until(lambda: len(pipeline.progress()) == INPUT_PARTITIONS, what="an offset of each partition")
        (tmp_path / "now").touch()
        wait_until(feed_until_torn, what="a torn transaction")
        recount.check(pipeline, rejected_once=ends == "abort")
        assert process.poll() is None
        process.kill()
        process.wait()
        shutil.rmtree(tmp_path / "state")
        feed()
        pipeline.start("process")
        recount.check(pipeline, rejected_once=ends == "abort")
        wait_until(lambda: not hanging_partitions(kafka.bootstrap_servers, topics_of(pipeline)), what="nothing open")
