"""Joining a group again under one's own name while one's dead self is still in it.

Kafka then gives the member what it had, without a look at the topic. Partitions that were added meanwhile would be
nobody's until somebody else joins or leaves. So whoever finds some that nobody has waits until its dead self is gone.
"""

import time
from collections.abc import Callable

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from billing.runtime.logs import get_logger

logger = get_logger(__name__)

ANSWER_SECONDS = 10.0
# Longer than any session: a dead self that is still there then is none, or the broker counts by another clock.
MOST_SECONDS = 60.0
_PAUSE_SECONDS = 0.5


def wait_for_own_end(
    admin: AdminClient, group: str, instance_id: str, topic: str, is_stopped: Callable[[], bool]
) -> None:
    """Wait while a member of a group has one's name and partitions of the topic are nobody's. It is not waited long.

    What the broker does not tell is not waited for.

    Args:
        admin: who asks.
        group: the consumer group.
        instance_id: one's name in it, `group.instance.id`.
        topic: what the group shares out.
        is_stopped: ends the waiting.
    """
    deadline = time.monotonic() + MOST_SECONDS
    has_told = False
    while not is_stopped() and time.monotonic() < deadline:
        try:
            nobodys = _nobodys(admin, group, instance_id, topic)
        except (KafkaException, TimeoutError):
            return
        if not nobodys:
            return
        if not has_told:
            logger.info("partitions are nobody's, waiting for the end of the former session", partitions=len(nobodys))
            has_told = True
        time.sleep(_PAUSE_SECONDS)


def _nobodys(admin: AdminClient, group: str, instance_id: str, topic: str) -> set[int]:
    """Return the partitions that no member has; none if the group is not at rest, or nobody in it has one's name."""
    (future,) = admin.describe_consumer_groups([group], request_timeout=ANSWER_SECONDS).values()
    found = future.result(ANSWER_SECONDS)
    if found.state != ConsumerGroupState.STABLE:
        return set()
    if instance_id not in [member.group_instance_id for member in found.members]:
        return set()
    shared = [one for member in found.members for one in member.assignment.topic_partitions if one.topic == topic]
    partitions = admin.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic].partitions
    return set(partitions) - {one.partition for one in shared}
