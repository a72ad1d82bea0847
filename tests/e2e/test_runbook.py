"""The remedies of docs/runbook.md, carried out: afterwards billing goes on and the totals are those of the input."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.conftest import Kafka
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.processor.test_takeover import changelog_of, count_some, delete_state

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600), pytest.mark.slow("the runbook's remedies")]

COUNTED = 100
ARRIVED_MEANWHILE = 20
MICROS = 1_000_000
ANSWER_SECONDS = 30
# The shortest session that a broker allows: how long a stopped processor stays a member.
KAFKA = "{session.timeout.ms: 6000}"


@pytest.fixture
def pipeline(kafka: Kafka, tmp_path: Path, unique_name: str) -> Iterator[Pipeline]:
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, kafka=KAFKA) as pipeline:
        yield pipeline


class Operator:
    """Does what the runbook says with Kafka's tools."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._settings = pipeline.settings
        self._changelog = changelog_of(pipeline)
        self._admin = AdminClient({"bootstrap.servers": self._settings.bootstrap_servers})

    def wait_for_no_members(self) -> None:
        """Wait until the group has no members: a stopped processor stays one until its session ends."""
        wait_until(lambda: self._members() == 0, what="the group has no members")

    def set_offsets(self, offsets: Mapping[int, int]) -> None:
        """Set the group's offset of partitions."""
        topic = self._settings.input_topic
        wanted = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        request = ConsumerGroupTopicPartitions(self._settings.consumer_group, wanted)
        (future,) = self._admin.alter_consumer_group_offsets([request]).values()
        for partition in future.result(ANSWER_SECONDS).topic_partitions:
            if partition.error is not None:
                raise KafkaException(partition.error)

    def delete_group(self) -> None:
        """Delete the group with all its offsets."""
        (future,) = self._admin.delete_consumer_groups([self._settings.consumer_group]).values()
        future.result(ANSWER_SECONDS)

    def delete_changelog(self) -> None:
        """Delete the changelog topic."""
        (future,) = self._admin.delete_topics([self._changelog]).values()
        future.result(ANSWER_SECONDS)
        wait_until(lambda: self._changelog not in self._admin.list_topics(timeout=5).topics, what="changelog deleted")

    def _members(self) -> int:
        (future,) = self._admin.describe_consumer_groups([self._settings.consumer_group]).values()
        return len(future.result(ANSWER_SECONDS).members)


Damage = Callable[[Operator, Pipeline], None]


def reset_group(operator: Operator, _: Pipeline) -> None:
    operator.set_offsets(dict.fromkeys(range(INPUT_PARTITIONS), 1))


def delete_group(operator: Operator, _: Pipeline) -> None:
    operator.delete_group()


def reset_group_and_lose_state(operator: Operator, pipeline: Pipeline) -> None:
    reset_group(operator, pipeline)
    delete_state(pipeline)


def lose_changelog_and_state(operator: Operator, pipeline: Pipeline) -> None:
    operator.delete_changelog()
    delete_state(pipeline)


def break_and_be_refused(operator: Operator, pipeline: Pipeline, damage: Damage) -> None:
    """Count some records, do the damage, let more records arrive, and see the processor refuse to go on."""
    count_some(pipeline)
    operator.wait_for_no_members()
    damage(operator, pipeline)
    for number in range(ARRIVED_MEANWHILE):
        pipeline.produce(f"{1_488_142_855 + number},Charlie,1.00".encode())
    pipeline.flush()
    assert pipeline.start("process").wait(60) == 1
    assert "docs/runbook.md#state-and-offsets" in pipeline.log_of("process").splitlines()[-1]
    operator.wait_for_no_members()


def everything_is_right(pipeline: Pipeline) -> None:
    """Wait until everything is counted, and check the total to the micro."""
    wait_until(lambda: pipeline.consumed() == COUNTED + ARRIVED_MEANWHILE, what="everything counted")
    customers, _ = pipeline.totals()
    assert customers == {("2017-02", "Charlie", "MISC"): [120 * MICROS, 120]}


@pytest.mark.parametrize("damage", [delete_group, reset_group_and_lose_state])
def test_remedy_a_goes_on_where_the_state_is(pipeline: Pipeline, damage: Damage) -> None:
    """Changelog intact: group set to the published next offsets, folders deleted, one processor started."""
    operator = Operator(pipeline)
    break_and_be_refused(operator, pipeline, damage)

    operator.set_offsets({partition: progress.next_offset for partition, progress in pipeline.progress().items()})
    delete_state(pipeline)

    process = pipeline.start("process")
    everything_is_right(pipeline)
    assert process.poll() is None


def test_remedy_b_counts_again_from_the_input(
    kafka: Kafka, pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory, unique_name: str
) -> None:
    """Changelog lost: new group, new topics, empty folder, the same input."""
    break_and_be_refused(Operator(pipeline), pipeline, lose_changelog_and_state)

    renamed = {
        "input_topic": pipeline.settings.input_topic,
        "consumer_group": f"{unique_name}-2",
        "subtotals_topic": f"{unique_name}.subtotals.2",
        "rejected_topic": f"{unique_name}.rejected.2",
    }
    directory = tmp_path_factory.mktemp("again")
    with Pipeline(kafka.bootstrap_servers, directory, unique_name, **renamed) as again:
        again.start("process")
        everything_is_right(again)
