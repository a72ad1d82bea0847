"""Watches what waits in the input to be moved by customer: no month closes while its events may be among that."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from billing.runtime.kafka import admin_client
from billing.runtime.moved_offsets import moved_offsets
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from billing.subtotal import Progress
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
        moved: tells up to which offset each partition is moved; those that never were are not among them.
    """

    def __init__(self, topic: WatchedTopic, moved: Callable[[], Mapping[int, int]]) -> None:
        self._topic, self._moved = topic, moved
        self._watch = InputWatch(topic, 0)

    def observe(self) -> list[PartitionState]:
        """Return each input partition as one that never passes a month: it is idle, or holds up all.

        Raises:
            KafkaUnavailableError: the broker does not answer.
        """
        moved = {partition: Progress(next_offset=offset) for partition, offset in self._moved().items()}
        states = self._watch.observe(moved, _EVER)
        return [replace(state, silent_ms=_EVER, is_moved=True) for state in states]


def moving_watch(settings: Settings, bounds: PartitionBounds) -> Callable[[], list[PartitionState]]:
    """Return what observes the input of a deployment: nothing, if its records are counted where they are."""
    if settings.dedup_scope == "partition":
        return list
    whole_input = settings.model_copy(update={"dedup_scope": "partition"})
    admin = admin_client(settings)
    return MovingWatch(InputTopic(whole_input, bounds), lambda: moved_offsets(admin, settings, _ANSWER_SECONDS)).observe
