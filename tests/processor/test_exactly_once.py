"""Whatever happens to the processor, the totals equal an independent recount of what was produced, to the micro."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from billing.clock import SystemClock
from billing.event import Reason
from billing.period import month_calendar
from billing.runtime.topic_reader import Record
from generator.events import EventMix, GeneratedEvent, generate_events
from generator.expected import ExpectedTotals
from tests.conftest import Kafka
from tests.feeder import MOST_AHEAD, BackgroundFeeder
from tests.hanging import assert_nothing_hangs
from tests.pipeline import SHORT_SESSION, Pipeline, rejected_multiset, wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

MIX = EventMix(
    customers=500,
    malformed_share=0.01,
    late_share=0.05,
    credit_share=0.05,
    repeat_share=0.05,
    conflict_share=0.01,
    void_share=0.02,
    replace_share=0.02,
)
UNKEYED = replace(MIX, keyed=False, repeat_share=0.0, conflict_share=0.0, void_share=0.0, replace_share=0.0)


def generate(count: int, seed: int, keyed: bool = True) -> Iterator[GeneratedEvent]:
    """Records that refer to earlier ones have the customer as their key, and so come after them."""
    return islice(generate_events(MIX if keyed else UNKEYED, seed, SystemClock()), count)


class Recount:
    """What billing must arrive at, counted from the truth that each generated event carries."""

    def __init__(self) -> None:
        self.totals = ExpectedTotals(month_calendar("UTC"))
        self.rejected: Counter[tuple[bytes | None, bytes | None, str]] = Counter()

    def add(self, event: GeneratedEvent) -> GeneratedEvent:
        self.totals.add(event)
        if event.reason is not None and event.reason is not Reason.DUPLICATE:
            self.rejected[event.key, event.payload, event.reason.value] += 1
        return event

    def check(self, pipeline: Pipeline, rejected_once: bool = True) -> None:
        """Wait until every record is counted, then compare everything; no transaction may stay open.

        Args:
            pipeline: what has counted.
            rejected_once: whether each rejected record must be there once, rather than at least once.
        """
        wait_until(lambda: pipeline.consumed() >= self.totals.records, what="all records counted")
        customers, hours = pipeline.totals()
        progress = pipeline.progress().values()
        assert sum(p.accepted for p in progress) == self.totals.accepted
        assert sum(p.accepted_micros for p in progress) == self.totals.accepted_micros
        assert sum(p.events for p in progress) == self.totals.events
        assert sum(p.duplicates for p in progress) == self.totals.duplicates
        assert sum((Counter(p.rejected) for p in progress), Counter()) == self.totals.rejected
        assert customers == self.totals.customers
        assert hours == self.totals.hours
        rejected = pipeline.rejected()
        if not rejected_once:  # one record that was read twice has one origin
            rejected = list({_origin(record): record for record in rejected}.values())
        assert rejected_multiset(rejected) == self.rejected
        assert_nothing_hangs(pipeline.settings)


def _origin(record: Record) -> tuple[bytes, bytes]:
    headers = dict(record.headers)
    return headers["source-partition"], headers["source-offset"]


@pytest.fixture(params=["native", pytest.param("through Python", marks=pytest.mark.slow("exactness through Python"))])
def pipeline(request: pytest.FixtureRequest, kafka: Kafka, tmp_path: Path, unique_name: str) -> Iterator[Pipeline]:
    """A pipeline whose processors read in one of the two ways."""
    options = {"kafka": SHORT_SESSION, "native_reading": request.param == "native"}
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, **options) as pipeline:
        yield pipeline


def test_200_000_events_equal_an_independent_recount(pipeline: Pipeline) -> None:
    """Keyed and unkeyed, CSV and JSON, 1% broken, repeats, voids and replacements: all is as it must be."""
    recount = Recount()
    pipeline.start("process")
    for seed, keyed in ((1, True), (2, False)):
        pipeline.produce_all(recount.add(event) for event in generate(100_000, seed, keyed))
    recount.check(pipeline)
    assert recount.totals.records == 200_000
    assert len(recount.totals.rejected) == 9, "every reason of a record by itself is in the data, and id_conflict"
    assert min(recount.totals.duplicates, recount.totals.voids, recount.totals.replaces) > 1_000


class Feeder(BackgroundFeeder):
    """Produces in the background until it is told to stop."""

    def __init__(self, pipeline: Pipeline, recount: Recount) -> None:
        def send(seed: int) -> None:
            if pipeline.ahead < MOST_AHEAD:
                pipeline.produce_all(recount.add(event) for event in generate(200, seed, keyed=bool(seed % 2)))

        super().__init__(send)


def wait_for_more(pipeline: Pipeline, records: int = 1_000) -> None:
    before = pipeline.consumed()
    wait_until(lambda: pipeline.consumed() >= before + records, what=f"{records} more records counted")


def test_kills_and_rebalances_change_nothing(pipeline: Pipeline) -> None:
    """Killed three times in mid-flight, once with its state deleted; a second one joins and leaves: exact."""
    recount = Recount()
    first = pipeline.start("process", "a")
    with Feeder(pipeline, recount):
        for delete_state in (False, True, False):
            wait_for_more(pipeline)
            first.kill()
            first.wait()
            if delete_state:
                shutil.rmtree(pipeline.directory / "state")
            first = pipeline.start("process", "a")
        wait_for_more(pipeline)
        second = pipeline.start("process", "b")
        wait_until(lambda: "partition taken over" in pipeline.log_of("process", "b"), what="the second has partitions")
        wait_for_more(pipeline, 3_000)
        second.terminate()
        assert second.wait(120) == 0
        wait_for_more(pipeline, 3_000)
        third = pipeline.start("process", "c")
        wait_until(lambda: "partition taken over" in pipeline.log_of("process", "c"), what="the third has partitions")
        wait_for_more(pipeline)
        third.kill()
        wait_for_more(pipeline, 3_000)
    recount.check(pipeline)
    first.terminate()
    assert first.wait(120) == 0
    # Now, since RocksDB deletes files while it runs. A stop does not empty a log that is written to.
    logs = [path.stat().st_size for path in (pipeline.directory / "state").rglob("*.log")]
    assert logs, "RocksDB has a log"
    assert max(logs) < 1_000, "and State writes none of what it counts to it"
