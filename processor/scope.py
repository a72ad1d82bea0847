"""Whether a deployment counts from the topic that it has counted from so far: checked once, before it starts.

Sums are kept by the partition of the topic counted from. With another `dedup_scope` that is another topic: new sums
would take the place of old ones, or stand beside them.
"""

from confluent_kafka import KafkaError, KafkaException

from billing.errors import OperatorError
from billing.settings import Settings
from processor.subtotals_place import committed_offsets

SCOPE_RUNBOOK = "docs/runbook.md#scope-changed"


class ScopeChangedError(OperatorError):
    """The group has counted from another topic; the message names both scopes and where to read on."""


def check_scope(settings: Settings, input_partitions: int) -> None:
    """Accept the scope that was counted with so far, and any at a first start.

    Raises:
        ScopeChangedError: the group has counted from the topic of the other scope.
        OperatorError: no broker answers, or it refuses something that a person can mend.
    """
    other = settings.model_copy(update={"dedup_scope": "partition" if settings.dedup_scope == "topic" else "topic"})
    partitions = settings.keyed_partitions if other.dedup_scope == "topic" else input_partitions
    if any(offset > 0 for offset in _committed(other, partitions).values()):
        raise ScopeChangedError(
            f"group {settings.consumer_group} has counted from {other.counted_topic}, but with dedup_scope: "
            f"{settings.dedup_scope} it would count from {settings.counted_topic}; set it back to "
            f"{other.dedup_scope}, or count again with a new group and new topics, see {SCOPE_RUNBOOK}"
        )


def _committed(other: Settings, partitions: int) -> dict[int, int]:
    """Return the group's offsets of the other scope's topic; who may not see that topic has not counted from it."""
    try:
        return committed_offsets(other, partitions)
    except OperatorError as error:
        cause = error.__cause__
        if isinstance(cause, KafkaException) and cause.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return {}
        raise
