"""Whether the subtotals of what is counted lie where the processor writes now: checked once, before it starts.

The sums of an input partition lie on one partition of the subtotals topic, which depends on how many there are. If the
topic was widened while no part ran, or deleted and made anew, new sums would lie beside old ones, or without them.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from functools import partial

from confluent_kafka import Consumer, KafkaException, TopicPartition

from billing.runtime.client_errors import raise_if_group_forbidden
from billing.runtime.kafka import patiently, reader_config
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.topic_check import TopicRefusedError
from billing.settings import Settings
from billing.topic_rules import TOPICS_RUNBOOK
from billing.topics import subtotals_partition
from processor.failures import sort_failure

_ANSWER_SECONDS = 30.0
# Of one question: a client that may not ask is not told so by the answer.
_ASK_SECONDS = 10.0


def check_subtotals_place(settings: Settings, input_partitions: int, subtotals_partitions: int) -> None:
    """Accept a subtotals topic that holds something wherever input is counted, and one of a first start.

    Raises:
        TopicRefusedError: it was widened, or deleted and made anew.
        OperatorError: no broker answers, or it refuses something that a person can mend.
        KafkaException: the broker refuses otherwise.
    """
    counted = committed_offsets(settings, input_partitions)
    if not any(offset > 0 for offset in counted.values()):
        return
    ends = PartitionBounds(settings, _ANSWER_SECONDS).log_ends(settings.subtotals_topic, range(subtotals_partitions))
    refuse_moved_subtotals(settings.subtotals_topic, counted, ends)


def refuse_moved_subtotals(topic: str, counted: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """Accept the log ends of a subtotals topic: where something was ever written the end is above 0.

    Args:
        topic: its name, for the message.
        counted: the group's committed offset of each input partition; 0 or less if nothing of it is counted.
        ends: the log end of each partition of the subtotals topic, records of aborted transactions included.

    Raises:
        TopicRefusedError: a partition that must hold subtotals never held any.
    """
    for partition, offset in sorted(counted.items()):
        place = subtotals_partition(partition, len(ends))
        if offset > 0 and ends[place] == 0:
            raise TopicRefusedError(
                f"topic {topic}: input partition {partition} is counted up to offset {offset}, but partition {place}, "
                f"where its sums must lie, never held any: the topic was given partitions, or deleted and made anew; "
                f"stopped before anything is written, count again into a new topic, see {TOPICS_RUNBOOK}"
            )


def committed_offsets(settings: Settings, partitions: int) -> dict[int, int]:
    """Return the group's committed offset of each partition of the topic counted from, negative where it has none.

    Raises:
        OperatorError: no broker answers, or it refuses something that a person can mend.
        KafkaException: the broker refuses otherwise.
    """
    asked = [TopicPartition(settings.counted_topic, partition) for partition in range(partitions)]
    what, servers = f"ask for the offsets of group {settings.consumer_group}", settings.bootstrap_servers
    # A transaction that a killed processor left open would hold the answer back; it ends when this one starts.
    options = {**reader_config(settings, settings.consumer_group), "isolation.level": "read_uncommitted"}
    try:
        with closing(Consumer(options)) as consumer:
            return patiently(
                partial(_ask, consumer, asked, settings.consumer_group),
                what,
                servers,
                time.monotonic() + _ANSWER_SECONDS,
            )
    except KafkaException as error:
        if (told := sort_failure(error, settings).told) is not None:
            raise told from error
        raise


def _ask(consumer: Consumer, asked: list[TopicPartition], group: str) -> dict[int, int]:
    try:
        answers = consumer.committed(asked, timeout=_ASK_SECONDS)
    except KafkaException:
        raise_if_group_forbidden(consumer, group)
        raise
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return {answer.partition: answer.offset for answer in answers}
