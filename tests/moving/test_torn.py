"""A delayed EndTxn ends the mover's transaction at any step: each record is moved exactly once all the same."""

import re
from pathlib import Path

import pytest

from tests.conftest import Kafka
from tests.moving.mover_process import STEPS
from tests.moving.world import MODULE, check_moved, events, moving_pipeline
from tests.pipeline import wait_until
from tests.torn_transactions import TORN

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

MOVED_BEYOND = re.compile(r"moved_beyond=[1-9]")
SLOW = pytest.mark.slow("torn transactions of the moving")
# A late commit there leaves records that no bookmark covers; a late abort would lose what is flushed already.
QUICK = (("amid the records", "commit"), ("behind the flush", "abort"))


@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize(
    ("step", "ends"),
    [
        pytest.param(step, ends, marks=() if (step, ends) in QUICK else SLOW)
        for step in STEPS
        for ends in ("commit", "abort")
    ],
)
def test_a_torn_transaction_moves_nothing_twice(
    kafka: Kafka, tmp_path: Path, unique_name: str, step: str, ends: str, is_first: bool
) -> None:
    """Also the very first one; exact at once, and after a kill that leaves only the topics to go by."""
    with moving_pipeline(kafka, tmp_path, unique_name) as pipeline:
        when, seed = tmp_path / "now", 0
        tearing = {"TORN_STEP": step, "TORN_WHEN": when, "TORN_ENDS": ends}
        pipeline.environment |= {name: str(value) for name, value in tearing.items()}

        def feed_until_torn() -> bool:
            nonlocal seed
            seed += 1
            pipeline.produce_all(events(300, seed))
            return TORN in pipeline.log_of("move")

        if is_first:
            when.touch()
        process = pipeline.start("move", module=MODULE)
        if not is_first:
            pipeline.produce_all(events(300, seed=99))
            check_moved(pipeline)
            when.touch()
        wait_until(feed_until_torn, what="a torn transaction")
        assert process.poll() is None
        if ends == "commit" and step in STEPS[1:4] and not is_first:
            # What the late commit made final, and no bookmark covers, was found by its own word.
            wait_until(lambda: MOVED_BEYOND.search(pipeline.log_of("move")) is not None, what="a takeover")
        process.kill()
        process.wait()
        pipeline.start("move", module=MODULE)
        check_moved(pipeline)
        feed_until_torn()
        check_moved(pipeline)
