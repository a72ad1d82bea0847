"""A careful run: it reads one batch at a time, because one was refused, and ends after a while."""

import time
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from billing.runtime.fetching import CAREFUL_SECONDS, careful, is_refused
from billing.runtime.kafka import reader_config
from billing.settings import Settings

_ANSWER_SECONDS = 30.0
_POLL_SECONDS = 0.5


class CarefulLongEnoughError(Exception):
    """The careful run has taken its time: the next one fetches much at once again."""


class CarefulRun:
    """Ends a careful run so many seconds after its first commit, which it always lets pass.

    Args:
        may_write: asked before each commit; raises what forbids it.
    """

    def __init__(self, may_write: Callable[[], None]) -> None:
        self._may_write = may_write
        self._until: float | None = None

    def __call__(self) -> None:
        """Let a commit pass, or raise what forbids it."""
        self._may_write()
        if self._until is None:
            self._until = time.monotonic() + CAREFUL_SECONDS
        elif time.monotonic() > self._until:
            raise CarefulLongEnoughError(f"read carefully for {CAREFUL_SECONDS:.0f} s")


def find_refused_batch(settings: Settings) -> tuple[int, int] | None:
    """Return partition and first offset of an uncounted batch that is refused even by itself; None if it isn't found.

    Args:
        settings: the input topic, and the group whose offsets tell what is counted.
    """
    topic = settings.counted_topic
    consumer = Consumer({**reader_config(settings, settings.consumer_group), **careful(settings)})
    try:
        numbers = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
        return _first_refused(consumer, [TopicPartition(topic, number) for number in numbers])
    except KafkaException:
        return None
    finally:
        consumer.close()


def _first_refused(consumer: Consumer, partitions: list[TopicPartition]) -> tuple[int, int] | None:
    offsets = [max(one.offset, OFFSET_BEGINNING) for one in consumer.committed(partitions, timeout=_ANSWER_SECONDS)]
    consumer.assign(
        [TopicPartition(one.topic, one.partition, offset) for one, offset in zip(partitions, offsets, strict=True)]
    )
    deadline = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < deadline:
        message = consumer.poll(_POLL_SECONDS)
        error = None if message is None else message.error()
        if error is not None and is_refused(error):
            return message.partition(), message.offset()
    return None
