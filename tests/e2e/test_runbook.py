"""The remedies of docs/runbook.md, carried out: afterwards billing goes on and the totals are those of the input."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from billing.runtime.kafka import ensure_topics
from tests.conftest import Kafka
from tests.forking import run_process
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.processor.test_takeover import changelog_of, count_some, delete_state

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600), pytest.mark.slow("the runbook's remedies")]

COUNTED = 100
ARRIVED_MEANWHILE = 20
MICROS = 1_000_000
ANSWER_SECONDS = 90.0
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

    def offsets(self) -> dict[int, int]:
        """Return the group's offsets of the input."""
        (future,) = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self._settings.consumer_group)]
        ).values()
        return {found.partition: found.offset for found in future.result(ANSWER_SECONDS).topic_partitions}

    def delete_changelog(self) -> None:
        """Delete the changelog topic."""
        self._delete_topic(self._changelog)

    def delete_subtotals(self) -> None:
        """Delete the subtotals topic, which the next processor makes anew."""
        self._delete_topic(self._settings.subtotals_topic)

    def make_input_anew(self) -> None:
        """Delete the input topic and make it again under the same name."""
        self._delete_topic(self._settings.input_topic)
        ensure_topics(self._settings, ["input"])

    def delete_input_before(self, offsets: Mapping[int, int]) -> None:
        """Delete the records of the input below an offset of each partition."""
        topic = self._settings.input_topic
        wanted = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        for future in self._admin.delete_records(wanted).values():
            future.result(ANSWER_SECONDS)

    def _delete_topic(self, topic: str) -> None:
        (future,) = self._admin.delete_topics([topic]).values()
        future.result(ANSWER_SECONDS)
        wait_until(lambda: topic not in self._admin.list_topics(timeout=30).topics, what=f"{topic} deleted")

    def _members(self) -> int:
        (future,) = self._admin.describe_consumer_groups([self._settings.consumer_group]).values()
        return len(future.result(ANSWER_SECONDS).members)


Damage = Callable[[Operator, Pipeline], None]


def reset_group(operator: Operator, _: Pipeline) -> None:
    operator.set_offsets(dict.fromkeys(range(INPUT_PARTITIONS), 1))


def reset_group_to_earliest(operator: Operator, _: Pipeline) -> None:
    operator.set_offsets(dict.fromkeys(range(INPUT_PARTITIONS), 0))


def delete_group(operator: Operator, _: Pipeline) -> None:
    operator.delete_group()


def reset_group_and_lose_state(operator: Operator, pipeline: Pipeline) -> None:
    reset_group(operator, pipeline)
    delete_state(pipeline)


def lose_changelog(operator: Operator, _: Pipeline) -> None:
    operator.delete_changelog()


def lose_subtotals(operator: Operator, _: Pipeline) -> None:
    operator.delete_subtotals()
    operator.delete_group()


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
    assert pipeline.start("process").wait(120) == 1
    assert "docs/runbook.md#state-and-offsets" in pipeline.log_of("process").splitlines()[-1]
    operator.wait_for_no_members()


def everything_is_right(pipeline: Pipeline) -> None:
    """Wait until everything is counted, and check the total to the micro."""
    wait_until(lambda: pipeline.consumed() == COUNTED + ARRIVED_MEANWHILE, what="everything counted")
    customers, _ = pipeline.totals()
    assert customers == {("2017-02", "Charlie", "MISC"): [120 * MICROS, 120]}


def run_qb(pipeline: Pipeline, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of qb with the settings of a deployment, and wait for its end."""
    environment = {**os.environ, **pipeline.environment}
    return run_process("qb", *arguments, environment=environment, timeout_seconds=300)


def recover(pipeline: Pipeline, *flags: str) -> Any:
    """Return what `qb recover` finds; its exit code says whether there is something to do."""
    done = run_qb(pipeline, "recover", "--json", *flags)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["conclusion"]["finding"] in ("right", "not counted yet") else 1)
    return found


@pytest.mark.parametrize("damage", [delete_group, reset_group, reset_group_to_earliest, reset_group_and_lose_state])
def test_recover_sets_the_offsets_of_a_group_that_was_lost_or_reset(pipeline: Pipeline, damage: Damage) -> None:
    """Changelog intact: looked at, applied, one processor started; nothing is left to do then."""
    operator = Operator(pipeline)
    break_and_be_refused(operator, pipeline, damage)
    counted = {partition: progress.next_offset for partition, progress in pipeline.progress().items()}
    before = operator.offsets()

    found = recover(pipeline)
    assert found["conclusion"]["finding"] == "group's offset is wrong"
    assert {row["partition"]: row["set_offset"] for row in found["partitions"]} == counted
    assert operator.offsets() == before
    done = run_qb(pipeline, "recover", "--apply", "--delete-state")
    assert done.returncode == 0, done.stdout + done.stderr
    assert operator.offsets() == counted
    assert not list((pipeline.directory / "state").glob(f"*/{pipeline.settings.consumer_group}"))

    process = pipeline.start("process")
    everything_is_right(pipeline)
    assert process.poll() is None
    assert recover(pipeline)["conclusion"]["finding"] == "right"


def test_recover_asks_to_delete_a_group_that_has_an_offset_too_many(pipeline: Pipeline) -> None:
    """A reset of all partitions, of which one had no record yet: the group is deleted, then offsets are set."""
    empty = INPUT_PARTITIONS - 1
    process = pipeline.start("process")
    for number in range(COUNTED):
        pipeline.produce(f"{1_488_142_855 + number},Charlie,1.00".encode(), partition=number % empty)
    pipeline.flush()
    wait_until(lambda: pipeline.consumed() == COUNTED, what="counted")
    process.terminate()
    assert process.wait(120) == 0
    operator = Operator(pipeline)
    operator.wait_for_no_members()
    reset_group_to_earliest(operator, pipeline)

    found = recover(pipeline)
    assert found["conclusion"]["finding"] == "group's offset is too much"
    assert any(f"--delete --group {pipeline.settings.consumer_group}" in step for step in found["conclusion"]["steps"])
    assert run_qb(pipeline, "recover", "--apply").returncode == 1
    operator.delete_group()
    assert run_qb(pipeline, "recover", "--apply", "--delete-state").returncode == 0
    assert set(operator.offsets()) == set(range(empty))
    pipeline.start("process")
    for _ in range(ARRIVED_MEANWHILE):
        pipeline.produce(b"1488142855,Charlie,1.00", partition=empty)
    pipeline.flush()
    everything_is_right(pipeline)


def test_recover_sets_the_offset_of_a_first_commit_that_was_torn(pipeline: Pipeline) -> None:
    """Its changelog is whole and the group has no offset; the processor goes on as if nothing had happened."""
    now = pipeline.directory / "now"
    now.touch()
    tearing = {"TORN_STEP": "behind the flush", "TORN_WHEN": str(now), "TORN_ENDS": "commit"}
    pipeline.environment |= tearing
    for number in range(COUNTED + ARRIVED_MEANWHILE):
        pipeline.produce(f"{1_488_142_855 + number},Charlie,1.00".encode())
    pipeline.flush()
    assert pipeline.start("process", module="tests.processor.torn_processor").wait(120) == 1
    assert "docs/runbook.md#state-and-offsets" in pipeline.log_of("process").splitlines()[-1]
    operator = Operator(pipeline)
    operator.wait_for_no_members()

    assert recover(pipeline)["conclusion"]["finding"] == "group's offset is wrong"
    done = run_qb(pipeline, "recover", "--apply", "--delete-state")
    assert done.returncode == 0, done.stdout + done.stderr
    pipeline.start("process")
    everything_is_right(pipeline)


def test_recover_sets_nothing_while_a_processor_is_in_the_group(pipeline: Pipeline) -> None:
    """Right while it counts; and what a stopped one leaves behind is refused until its session ends."""
    count_some(pipeline)
    operator = Operator(pipeline)
    operator.wait_for_no_members()
    delete_group(operator, pipeline)
    assert pipeline.start("process").wait(120) == 1
    before = operator.offsets()

    done = run_qb(pipeline, "recover", "--apply")
    assert done.returncode == 1
    assert "has members" in done.stderr
    assert operator.offsets() == before
    operator.wait_for_no_members()
    assert run_qb(pipeline, "recover", "--apply").returncode == 0


@pytest.mark.parametrize("damage", [lose_changelog, lose_changelog_and_state, lose_subtotals])
def test_recover_prints_the_commands_that_count_again(pipeline: Pipeline, damage: Damage) -> None:
    """Changelog lost: nothing is set; its commands, run as they are printed, count everything and are audited."""
    operator = Operator(pipeline)
    break_and_be_refused(operator, pipeline, damage)
    before = operator.offsets()

    assert run_qb(pipeline, "recover", "--apply").returncode == 1
    assert operator.offsets() == before
    found = recover(pipeline)
    assert found["conclusion"]["finding"] == "count again"
    count_again_as_told(pipeline, found)


def count_again_as_told(pipeline: Pipeline, found: Any) -> None:
    """Run the steps of `qb process` and `qb audit` that were printed."""
    commands = {step.split("qb ", 1)[1] for step in found["conclusion"]["steps"] if "qb " in step}
    flags = {words[0]: words[1:] for words in map(shlex.split, commands)}
    process, audit = flags["process"], flags["audit"]
    process[process.index("--state-dir") + 1] = str(pipeline.directory / "state-again")
    pipeline.start("process", "again", *process)
    assert {"process", "audit", "export", "invoice"} <= set(flags)
    wait_until(lambda: audited(pipeline, audit) == COUNTED + ARRIVED_MEANWHILE, what="all counted again and audited")


def audited(pipeline: Pipeline, flags: list[str]) -> int:
    """Return how many events an audit without a difference found accepted; 0 if there is a difference."""
    done = run_qb(pipeline, "audit", "--json", *flags)
    return int(json.loads(done.stdout)["figures"]["accepted"]) if done.returncode == 0 else 0


@pytest.mark.parametrize("records", [3, 60], ids=["fewer", "more"])
def test_recover_tells_an_input_that_was_made_anew(pipeline: Pipeline, records: int) -> None:
    """No offset is set, however many records it holds by now: the new input's first events would be skipped."""
    operator = Operator(pipeline)
    lose_the_input(operator, pipeline, records)

    found = recover(pipeline)
    assert found["conclusion"]["finding"] == "another input"
    assert {row["finding"] for row in found["partitions"]} == {"another input"}
    assert found["conclusion"]["runbook"] == "docs/runbook.md#input-made-anew"
    done = run_qb(pipeline, "recover", "--apply")
    assert done.returncode == 1
    assert "nothing was set" in done.stdout
    assert operator.offsets() == {}


def lose_the_input(operator: Operator, pipeline: Pipeline, records: int) -> None:
    """Count some records, make the input anew with so many in each partition, and see the processor refuse it."""
    count_some(pipeline)
    operator.wait_for_no_members()
    operator.make_input_anew()
    produce_new_events(pipeline, records)
    assert pipeline.start("process").wait(120) == 1
    assert "docs/runbook.md#state-and-offsets" in pipeline.log_of("process").splitlines()[-1]
    operator.wait_for_no_members()


def produce_new_events(pipeline: Pipeline, records: int) -> None:
    for partition in range(INPUT_PARTITIONS):
        for number in range(records):
            pipeline.produce(f"{1_488_142_855 + number},Charlie,1.00".encode(), partition=partition)
    pipeline.flush()


def test_old_events_in_front_of_the_new_ones_are_counted_again(
    pipeline: Pipeline, kafka: Kafka, tmp_path: Path
) -> None:
    """The senders have them: all go into another input, and the count begins anew over all parts' topics."""
    operator = Operator(pipeline)
    lose_the_input(operator, pipeline, ARRIVED_MEANWHILE // INPUT_PARTITIONS)
    found = recover(pipeline)

    restored = f"{pipeline.settings.input_topic}.2"
    with Pipeline(kafka.bootstrap_servers, tmp_path, pipeline.settings.consumer_group, input_topic=restored) as again:
        for number in range(COUNTED):
            again.produce(f"{1_488_142_855 + number},Charlie,1.00".encode(), partition=number % INPUT_PARTITIONS)
        produce_new_events(again, ARRIVED_MEANWHILE // INPUT_PARTITIONS)
    assert any(restored in step for step in found["conclusion"]["steps"])
    count_again_as_told(pipeline, found)


def test_new_events_go_on_behind_the_old_offsets(pipeline: Pipeline) -> None:
    """The old events are gone for good: stand-ins take their offsets and are deleted, the old totals stay."""
    operator = Operator(pipeline)
    lose_the_input(operator, pipeline, 30)
    counted = {row["partition"]: row["state_next_offset"] for row in recover(pipeline)["partitions"]}

    operator.make_input_anew()
    for partition, offset in counted.items():
        for _ in range(offset):
            pipeline.produce(b"stand-in", partition=partition)
    pipeline.flush()
    operator.delete_input_before(counted)
    produce_new_events(pipeline, 30)
    done = run_qb(pipeline, "recover", "--apply", "--delete-state")
    assert done.returncode == 0, done.stdout + done.stderr

    pipeline.start("process")
    new = 30 * INPUT_PARTITIONS
    wait_until(lambda: pipeline.consumed() == COUNTED + new, what="old and new counted")
    customers, _ = pipeline.totals()
    assert customers == {("2017-02", "Charlie", "MISC"): [(COUNTED + new) * MICROS, COUNTED + new]}


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
