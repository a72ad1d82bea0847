"""A delayed EndTxn ends the processor's transaction at any step of its commit: the totals stay exact."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Kafka
from tests.hanging import assert_nothing_hangs
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.processor.test_exactly_once import Recount, generate
from tests.processor.torn_processor import STEPS
from tests.torn_transactions import TORN

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

SLOW = pytest.mark.slow("torn transactions of the processor")
# A late abort here would lose what is flushed already.
QUICK = ("behind the flush", "abort")
# Of many, full chunks of ids are written before the commit begins.
FEW, MANY = 300, 20_000
TEARING = "tests.processor.torn_processor"


@pytest.mark.parametrize(
    ("step", "ends", "events"),
    [
        pytest.param(step, ends, events, marks=() if (step, ends) == QUICK else SLOW)
        for steps, events in ((STEPS, FEW), (STEPS[:1], MANY))
        for step in steps
        for ends in ("commit", "abort")
    ],
)
def test_a_torn_commit_changes_no_total(
    kafka: Kafka, tmp_path: Path, unique_name: str, step: str, ends: str, events: int
) -> None:
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
            pipeline.produce_all(recount.add(event) for event in generate(events, seed))

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


def torn_first_commit(pipeline: Pipeline, recount: Recount, step: str) -> "subprocess.Popen[bytes]":
    """Start a processor whose very first commit is torn by a late commit, and return it."""
    when = pipeline.directory / "now"
    when.touch()
    pipeline.environment |= {"TORN_STEP": step, "TORN_WHEN": str(when), "TORN_ENDS": "commit"}
    pipeline.produce_all(recount.add(event) for event in generate(300, 1))
    process = pipeline.start("process", module=TEARING)
    wait_until(lambda: TORN in pipeline.log_of("process"), what="a torn transaction")
    return process


@SLOW
def test_a_first_commit_torn_before_the_changelog(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """No offset and no changelog: the processor counts from the beginning again, by itself."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, commit_interval_seconds=0.3) as pipeline:
        recount = Recount()
        process = torn_first_commit(pipeline, recount, "amid the worker's records")
        pipeline.produce_all(recount.add(event) for event in generate(300, 2))
        recount.check(pipeline, rejected_once=False)
        assert process.poll() is None


@SLOW
def test_a_first_commit_torn_behind_the_changelog(
    kafka: Kafka, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, unique_name: str
) -> None:
    """A changelog without an offset, as of a group that was deleted: it stops, and remedy B of the runbook is right."""
    recount = Recount()
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, commit_interval_seconds=0.3) as pipeline:
        assert torn_first_commit(pipeline, recount, "behind the flush").wait(120) == 1
        said = pipeline.log_of("process").splitlines()[-1]
        assert "the changelog holds subtotals, but the group has no committed offset" in said
        assert "docs/runbook.md#state-and-offsets" in said
        assert_nothing_hangs(pipeline.settings)
    renamed = {
        "input_topic": pipeline.settings.input_topic,
        "consumer_group": f"{unique_name}-2",
        "subtotals_topic": f"{unique_name}.subtotals.2",
        "rejected_topic": f"{unique_name}.rejected.2",
    }
    with Pipeline(kafka.bootstrap_servers, tmp_path_factory.mktemp("again"), unique_name, **renamed) as again:
        again.start("process")
        recount.check(again)
