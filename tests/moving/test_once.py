"""With records moved by customer, an id counts once wherever it is sent: the rules hold over all input partitions."""

from pathlib import Path

import pytest

from billing.event import Reason, decode_record
from billing.moved_record import split_headers
from tests.conftest import Kafka
from tests.moving.world import KEYED_PARTITIONS, moved, moving_pipeline
from tests.once_histories import payload_of, random_history
from tests.once_model import OnceModel
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.processor.test_exactly_once import wait_for_more
from tests.processor.test_once_kafka import widen

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

WINDOW_DAYS = 2
ADDED = 2
NOW_MS = 1_700_000_000_000


def wait_for_all(pipeline: Pipeline, records: int) -> None:
    """Wait until so many records are counted."""
    wait_until(lambda: pipeline.consumed() >= records, what=f"{records} records counted")


def assert_counted(pipeline: Pipeline) -> OnceModel:
    """Decide the records of the keyed topic by the model of the rules, and compare what each partition has come to."""
    model = OnceModel(WINDOW_DAYS)
    for record in moved(pipeline):
        model.decide(
            record.partition, record.offset, decode_record(record.value, pipeline.settings.event_rules, NOW_MS)
        )
    progress = pipeline.progress()
    for partition in range(KEYED_PARTITIONS):
        wanted = model.of(partition)
        if partition not in progress:
            assert not wanted.consumed
            continue
        found = progress[partition]
        assert (found.accepted, found.accepted_micros) == (wanted.accepted, wanted.accepted_micros)
        assert (found.voids, found.replaces, found.duplicates) == (wanted.voids, wanted.replaces, wanted.duplicates)
        assert dict(found.rejected) == {reason.value: count for reason, count in wanted.rejected.items()}
    return model


def test_the_rules_hold_over_all_input_partitions(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Repeats, conflicts, voids and replacements, each sent to any partition, without a key, over a kill.

    Partitions are added to the input half-way. `tests/moving/test_histories.py` has the same for random steps.
    """
    with moving_pipeline(kafka, tmp_path, unique_name, dedup_window_days=WINDOW_DAYS) as pipeline:
        history = random_history(seed=5, records=6_000, window_days=WINDOW_DAYS, partitions=INPUT_PARTITIONS)
        process = pipeline.start("process")
        partitions = INPUT_PARTITIONS
        for number, sent in enumerate(history):
            pipeline.produce(payload_of(sent.record, number), partition=number * 7 % partitions)
            if number == len(history) // 2:
                pipeline.flush()
                wait_for_more(pipeline)
                process.kill()
                process.wait()
                partitions += ADDED
                widen(pipeline, partitions)
                # Within its session: Kafka would give it what it had, and the added partitions to nobody.
                pipeline.start("process")
        pipeline.flush()
        wait_for_all(pipeline, len(history))
        sources = {place.partition for one in moved(pipeline) if (place := split_headers(one.headers)[1]) is not None}
        assert sources == set(range(partitions)), "records came from each partition, the added ones too"
        model = assert_counted(pipeline)
        homes = [name for partition in model.partitions.values() for name in partition.known]
        assert len(homes) == len(set(homes)), "an id is known in one partition"
        reasons = {reason for partition in model.partitions.values() for reason in partition.rejected}
        assert {Reason.ID_CONFLICT, Reason.UNKNOWN_ID, Reason.ALREADY_VOIDED} <= reasons


def test_repeats_without_keys_count_once(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Sent to each partition of the input, events count once; counted where they are, they count as often as sent."""
    for scope, accepted in (("topic", 100), ("partition", 100 * INPUT_PARTITIONS)):
        with moving_pipeline(kafka, tmp_path, f"{unique_name}-{scope}", dedup_scope=scope) as pipeline:
            for number in range(100):
                for partition in range(INPUT_PARTITIONS):
                    pipeline.produce(b"1488142855,Charlie,1,CALL,id-%d" % number, partition=partition)
            pipeline.flush()
            process = pipeline.start("process", scope)
            wait_for_all(pipeline, 100 * INPUT_PARTITIONS)
            found = pipeline.progress().values()
            assert sum(one.accepted for one in found) == accepted
            assert sum(one.duplicates for one in found) == 100 * INPUT_PARTITIONS - accepted
            process.terminate()
            assert process.wait(120) == 0
