"""What a reader of the subtotals topic gets of a commit: in the order in which it was written."""

from itertools import islice
from pathlib import Path

import pytest

from billing.clock import SystemClock
from billing.subtotal import CustomerMonthKey, ProgressKey, SumsKey, decode_key, decode_progress, decode_subtotal
from billing.topics import subtotals_partition
from generator.events import EventMix, generate_events
from tests.conftest import Kafka
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.whole_topic import read_whole

EVENTS, ROUNDS = 500, 8


@pytest.mark.parametrize(("partitions", "expected"), [(4, [0, 1, 2, 3]), (3, [0, 1, 2, 0]), (1, [0, 0, 0, 0])])
def test_an_input_partition_has_one_partition_of_the_subtotals(partitions: int, expected: list[int]) -> None:
    """With fewer of them, several input partitions share one; each still keeps to its own."""
    assert [subtotals_partition(number, partitions) for number in range(4)] == expected


def test_whenever_a_progress_record_is_read_the_books_agree(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Read in the order of the topic, what came before a progress record adds up to exactly what it tells."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, commit_interval_seconds=0.1) as pipeline:
        pipeline.start("process")
        mix = EventMix(customers=50)
        for done in range(ROUNDS):
            pipeline.produce_all(islice(generate_events(mix, done, SystemClock()), EVENTS))
            expected = (done + 1) * EVENTS

            def all_counted(expected: int = expected) -> bool:
                return pipeline.consumed() == expected

            wait_until(all_counted, what="all records counted")
        records = read_whole(pipeline.settings, pipeline.settings.subtotals_topic, INPUT_PARTITIONS)

    sums: dict[int, dict[SumsKey, list[tuple[int, int]]]] = {}
    commits = 0
    for record in records:
        assert record.key is not None
        assert record.value is not None
        key = decode_key(record.key)
        assert record.partition == subtotals_partition(key.partition, INPUT_PARTITIONS)
        read = sums.setdefault(key.partition, {})
        if not isinstance(key, ProgressKey):
            read |= {of: list(types.values()) for of, types in decode_subtotal(key, record.value).items()}
            continue
        progress, commits = decode_progress(record.value), commits + 1
        for is_customer in (True, False):
            told = [s for k, values in read.items() if isinstance(k, CustomerMonthKey) == is_customer for s in values]
            assert sum(micros for micros, _ in told) == progress.accepted_micros
            assert sum(count for _, count in told) == progress.accepted
    assert commits > INPUT_PARTITIONS, "several commits of a partition were compared"
