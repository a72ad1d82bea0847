"""State and offsets belong together: where one was lost or changed, the processor stops and says where to read on."""

import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from billing.settings import Settings, load_settings
from billing.subtotal import Progress, ProgressKey, RecordError, encode_key, encode_progress
from processor.app import make_worker
from processor.failures import sort_failure
from processor.metrics import ProcessorMetrics
from processor.second_look import MOST_LOOKS, SecondLook
from processor.takeover import InputDeletedError, StateMismatchError, Takeover, ZoneChangedError, check_takeover
from tests.conftest import Kafka
from tests.memory_store import MemoryStore
from tests.pipeline import INPUT_PARTITIONS, SHORT_SESSION, Pipeline, wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

SLOW = pytest.mark.slow("damaged deployments")


def check(
    counted: int | None, committed: int | None, has_history: bool, oldest: int = 0, retained: bool = False
) -> None:
    progress = None if counted is None else Progress(next_offset=counted)
    check_takeover("t", Takeover(3, committed, oldest, has_history), progress, start_from_retained=retained)


@pytest.mark.parametrize(("counted", "committed", "has_history"), [(None, None, False), (7, 7, True), (0, 0, True)])
def test_what_belongs_together_is_accepted(counted: int | None, committed: int | None, has_history: bool) -> None:
    """A fresh start, and a State that counts up to the committed offset."""
    check(counted, committed, has_history)


def test_a_changelog_whose_records_hang_is_not_empty() -> None:
    """They belong to a commit that the group has, and are given a marker."""
    takeover = Takeover(3, 7, 0, has_history=False, has_open_end=True)
    check_takeover("t", takeover, Progress(next_offset=7), start_from_retained=False)
    with pytest.raises(StateMismatchError, match="State counts up to offset 6"):
        check_takeover("t", takeover, Progress(next_offset=6), start_from_retained=False)


@pytest.mark.parametrize(
    ("counted", "committed", "has_history", "fault"),
    [
        (None, 7, False, "State and changelog are empty, but the group has committed offset 7"),
        (7, None, True, "State counts up to offset 7, but the group has no committed offset"),
        (7, 5, True, "State counts up to offset 7, but the group has committed offset 5"),
        (7, 7, False, "State counts up to offset 7, but its changelog is empty"),
        (None, None, True, "the changelog holds subtotals, but the group has no committed offset"),
    ],
)
def test_what_does_not_is_refused(counted: int | None, committed: int | None, has_history: bool, fault: str) -> None:
    """The message names partition, both offsets and the runbook."""
    with pytest.raises(StateMismatchError, match=fault) as caught:
        check(counted, committed, has_history)
    assert "t[3]" in str(caught.value)
    assert "docs/runbook.md#state-and-offsets" in str(caught.value)


def test_a_first_start_behind_deleted_records_is_refused_unless_it_is_wanted() -> None:
    """Nobody is left to count what was deleted: that is for the operator to know and to allow."""
    with pytest.raises(InputDeletedError, match="oldest record has offset 5"):
        check(None, None, has_history=False, oldest=5)
    check(None, None, has_history=False, oldest=5, retained=True)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (encode_progress(Progress(7)).replace(b'"v":4', b'"v":2'), r"older than 3: count again, .*#older-version"),
        (encode_progress(Progress(7)).replace(b'"v":4', b'"v":5'), "newer than 4: update this program"),
        (b"{", "not a versioned JSON object"),
    ],
)
def test_state_that_cannot_be_read_is_for_the_operator(state: bytes, said: str) -> None:
    """What is not understood is not counted as nothing, and trying again would not help."""
    settings = load_settings({}, {})
    worker = make_worker(settings, 1, ProcessorMetrics(CollectorRegistry(), settings.types))
    with pytest.raises(RecordError) as caught:
        worker.take_over(Takeover(3, 7, 0, True), MemoryStore({encode_key(ProgressKey(3)): state}))
    explained = sort_failure(caught.value, settings).told
    assert re.search(f"^billableevents.incoming: State cannot be read: .*{said}", str(explained))
    assert worker.books == {}


def test_state_of_another_zone_is_for_the_operator() -> None:
    """Its months and hours begin elsewhere: counting on would mix the two."""
    worker = make_worker(Settings(time_zone="Asia/Kolkata"), 1, ProcessorMetrics(CollectorRegistry(), ("MISC",)))
    state = {encode_key(ProgressKey(3)): encode_progress(Progress(7, time_zone="UTC"))}
    with pytest.raises(ZoneChangedError, match=r"t.*\[3\].* UTC, but time_zone is Asia/Kolkata.*#time-zone-changed"):
        worker.take_over(Takeover(3, 7, 0, True), MemoryStore(state))
    assert worker.books == {}


@pytest.fixture
def pipeline(kafka: Kafka, tmp_path: Path, unique_name: str) -> Iterator[Pipeline]:
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, kafka=SHORT_SESSION) as pipeline:
        yield pipeline


def count_some(pipeline: Pipeline) -> None:
    """Count 100 records, some in each partition, and stop in order."""
    process = pipeline.start("process")
    for number in range(100):
        pipeline.produce(f"{1_488_142_855 + number},Charlie,1.00".encode(), partition=number % INPUT_PARTITIONS)
    pipeline.flush()
    wait_until(lambda: pipeline.consumed() == 100, what="100 records counted")
    process.terminate()
    assert process.wait(120) == 0


def reset_group(pipeline: Pipeline) -> None:
    group, topic = pipeline.settings.consumer_group, pipeline.settings.input_topic
    offsets = [TopicPartition(topic, partition, 1) for partition in range(INPUT_PARTITIONS)]
    request = ConsumerGroupTopicPartitions(group, offsets)
    client = admin(pipeline)  # a future dies with the client it comes from
    (future,) = client.alter_consumer_group_offsets([request]).values()
    for partition in future.result(60).topic_partitions:
        assert partition.error is None, partition.error


def delete_group(pipeline: Pipeline) -> None:
    client = admin(pipeline)
    (future,) = client.delete_consumer_groups([pipeline.settings.consumer_group]).values()
    future.result(60)


def delete_group_and_state(pipeline: Pipeline) -> None:
    delete_group(pipeline)
    delete_state(pipeline)


def delete_changelog_and_state(pipeline: Pipeline) -> None:
    delete_changelog(pipeline)
    delete_state(pipeline)


def delete_changelog(pipeline: Pipeline) -> None:
    client = admin(pipeline)
    (future,) = client.delete_topics([changelog_of(pipeline)]).values()
    future.result(60)
    wait_until(lambda: changelog_of(pipeline) not in client.list_topics(timeout=30).topics, what="deleted")


def delete_state(pipeline: Pipeline) -> None:
    shutil.rmtree(pipeline.directory / "state")


def admin(pipeline: Pipeline) -> AdminClient:
    return AdminClient({"bootstrap.servers": pipeline.settings.bootstrap_servers})


def changelog_of(pipeline: Pipeline) -> str:
    settings = pipeline.settings
    return f"changelog__{settings.consumer_group}--{settings.input_topic}--default"


@pytest.mark.parametrize(
    "damage",
    [
        delete_changelog,
        *(
            pytest.param(damage, marks=SLOW)
            for damage in (reset_group, delete_group, delete_group_and_state, delete_changelog_and_state)
        ),
    ],
)
def test_a_damaged_deployment_stops_instead_of_miscounting(
    pipeline: Pipeline, damage: Callable[[Pipeline], None]
) -> None:
    """Exit code 1, one line that names the runbook, and not a subtotal changed."""
    count_some(pipeline)
    # A static member stays in its group until its session ends; an operator would wait for that too.
    before = dict(pipeline.latest_subtotals())
    wait_until(lambda: _done(damage, pipeline), what="the damage done")
    pipeline.produce(b"1488142855,Charlie,1.00")
    pipeline.flush()
    process = pipeline.start("process", "a")
    assert process.wait(180) == 1
    assert "docs/runbook.md#state-and-offsets" in pipeline.log_of("process").splitlines()[-1]
    assert pipeline.log_of("process").count("looking again") == 1
    assert pipeline.latest_subtotals() == before


@pytest.mark.parametrize(("open_ends", "looks"), [([], 1), ([True] * 9, MOST_LOOKS - 1), ([True, False], 2)])
def test_how_often_it_is_looked_at_again(monkeypatch: pytest.MonkeyPatch, open_ends: list[bool], looks: int) -> None:
    """Once in any case, then while the changelog has an open end, and not for ever; anew after it has fitted."""
    look, ends = SecondLook(Settings()), iter([*open_ends, *open_ends])
    monkeypatch.setattr(look, "_has_open_end", lambda: next(ends, False))
    for _ in range(2):
        assert sum(iter(look.is_due, False)) == looks
        look.has_fitted()
        ends = iter(open_ends)


@SLOW
def test_what_does_not_fit_is_looked_at_again_while_the_changelog_has_an_open_end(pipeline: Pipeline) -> None:
    """As after a commit whose markers are not written everywhere. Once they are, and nothing fits, it stops."""
    count_some(pipeline)
    wait_until(lambda: _done(reset_group, pipeline), what="the group's offsets changed")
    before = dict(pipeline.latest_subtotals())
    options = {
        "bootstrap.servers": pipeline.settings.bootstrap_servers,
        "transactional.id": f"open-{pipeline.settings.consumer_group}",
    }
    producer = Producer({**options, "transaction.timeout.ms": 300_000})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(changelog_of(pipeline), b"v", b"k", partition=0)
    assert producer.flush(60) == 0
    process = pipeline.start("process", "a")
    looked_again = "State does not fit: looking again"
    wait_until(lambda: pipeline.log_of("process").count(looked_again) == 3, what="looked again and again")
    assert process.poll() is None
    producer.abort_transaction(60)
    assert process.wait(180) == 1
    assert pipeline.log_of("process").count(looked_again) < MOST_LOOKS
    assert "docs/runbook.md#state-and-offsets" in pipeline.log_of("process").splitlines()[-1]
    assert pipeline.latest_subtotals() == before


def _done(damage: Callable[[Pipeline], None], pipeline: Pipeline) -> bool:
    """Do the damage; False while the broker still holds the group for its members."""
    try:
        damage(pipeline)
    except (KafkaException, AssertionError) as error:
        if "NON_EMPTY_GROUP" in repr(error) or "UNKNOWN_MEMBER_ID" in repr(error):
            return False
        raise
    return True


def delete_unread_input(pipeline: Pipeline) -> None:
    """Delete all there is, after twice as many more were produced to each partition."""
    for partition in range(INPUT_PARTITIONS):
        for _ in range(200):
            pipeline.produce(b"1488142855,Charlie,1.00", partition=partition)
    pipeline.flush()
    offsets = [TopicPartition(pipeline.settings.input_topic, partition, -1) for partition in range(INPUT_PARTITIONS)]
    client = admin(pipeline)
    for future in client.delete_records(offsets).values():
        future.result(60)


@pytest.mark.parametrize("counted_before", [pytest.param(True, marks=SLOW), False])
def test_input_deleted_before_it_was_read_stops_the_processor(pipeline: Pipeline, counted_before: bool) -> None:
    """Retention that ate unread input is an undercount: the processor says so and stops."""
    if counted_before:
        count_some(pipeline)
    delete_unread_input(pipeline)
    process = pipeline.start("process", "a")
    assert process.wait(180) == 1
    assert "docs/runbook.md#input-deleted" in pipeline.log_of("process").splitlines()[-1]


@SLOW
def test_input_deleted_while_it_is_read_stops_the_processor(pipeline: Pipeline) -> None:
    """A partition whose position is gone is not silently reset to what is left."""
    count_some(pipeline)
    process = pipeline.start("process", "a")
    wait_until(lambda: pipeline.log_of("process").count("partition taken over") == 2 * INPUT_PARTITIONS, what="taken")
    process.send_signal(signal.SIGSTOP)
    delete_unread_input(pipeline)
    process.send_signal(signal.SIGCONT)
    assert process.wait(180) == 1
    assert "docs/runbook.md#input-deleted" in pipeline.log_of("process").splitlines()[-1]


def test_a_fresh_group_begins_at_the_beginning(pipeline: Pipeline) -> None:
    """Events that were there before the first start are billed."""
    for _ in range(10):
        pipeline.produce(b"1488142855,Charlie,1.00")
    pipeline.flush()
    pipeline.start("process")
    wait_until(lambda: pipeline.consumed() == 10, what="what was there is counted")
