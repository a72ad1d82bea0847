"""Watches what waits in the input to be moved by customer: no month closes while its events may be among that."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace

from confluent_kafka import Consumer, KafkaException, TopicPartition

from billing.runtime.client_errors import raise_if_forbidden
from billing.runtime.kafka import KafkaUnavailableError, reader_config
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from billing.subtotal import Progress
from billing.topics import moving_group
from invoicer.due import PartitionState
from invoicer.input_topic import InputTopic
from invoicer.input_watch import InputTopic as WatchedTopic
from invoicer.input_watch import InputWatch

_EVER = 2**62
_ANSWER_SECONDS = 10.0


class MovingWatch:
    """Tells of each input partition whether it is moved up to where it reached at the last observation.

    Args:
        topic: the input.
        moved: tells up to which offset each of some partitions is moved; those that never were are not among them.
    """

    def __init__(self, topic: WatchedTopic, moved: Callable[[list[int]], Mapping[int, int]]) -> None:
        self._topic, self._moved = topic, moved
        self._watch = InputWatch(topic, 0)

    def observe(self) -> list[PartitionState]:
        """Return each input partition as one that never passes a month: it is idle, or holds up all.

        Its number is -1 less its own, for the partitions that are counted have numbers from 0 on.

        Raises:
            KafkaUnavailableError: the broker does not answer.
        """
        moved = self._moved(sorted(self._topic.logs()))
        states = self._watch.observe({p: Progress(next_offset=offset) for p, offset in moved.items()}, _EVER)
        return [replace(state, partition=-1 - state.partition, silent_ms=_EVER) for state in states]


def moving_watch(settings: Settings, bounds: PartitionBounds) -> Callable[[], list[PartitionState]]:
    """Return what observes the input of a deployment: nothing, if its records are counted where they are."""
    if settings.dedup_scope == "partition":
        return list
    whole_input = settings.model_copy(update={"dedup_scope": "partition"})
    return MovingWatch(InputTopic(whole_input, bounds), lambda partitions: _moved(settings, partitions)).observe


def _moved(settings: Settings, partitions: list[int]) -> dict[int, int]:
    asked = [TopicPartition(settings.input_topic, partition) for partition in partitions]
    with closing(Consumer(reader_config(settings, moving_group(settings.keyed_topic)))) as consumer:
        try:
            answers = consumer.committed(asked, timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            raise_if_forbidden(error, f"ask for the offsets of group {moving_group(settings.keyed_topic)}")
            raise KafkaUnavailableError(
                f"no broker at {settings.bootstrap_servers} tells how far {settings.input_topic} is moved"
            ) from error
    if failed := next((one.error for one in answers if one.error is not None), None):
        raise_if_forbidden(KafkaException(failed), f"ask how far {settings.input_topic} is moved")
        raise KafkaUnavailableError(f"how far {settings.input_topic} is moved is not told: {failed}")
    return {one.partition: one.offset for one in answers if one.offset >= 0}
