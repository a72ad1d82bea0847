"""The topics between the parts: their names come from the settings, their shape from the rules."""

from dataclasses import dataclass

from billing.settings import Settings
from billing.topic_rules import LARGEST_RECORD_BYTES as LARGEST_RECORD_BYTES
from billing.topic_rules import Role


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it is named, and how many partitions it gets when it is made."""

    role: Role
    name: str
    partitions: int


def subtotals_partition(input_partition: int, partitions: int) -> int:
    """Return the partition of `billing.subtotals` that holds all records of an input partition.

    One and always the same, so that a reader gets a commit in the order in which it was written, progress record last.

    Args:
        input_partition: the input partition whose sums they are.
        partitions: how many partitions `billing.subtotals` has.
    """
    return input_partition % partitions


def changelog_topic(consumer_group: str, input_topic: str) -> str:
    """Return the topic in which Quix Streams keeps State, as it names it itself."""
    return f"changelog__{consumer_group}--{input_topic}--default"


def topic_specs(settings: Settings) -> dict[str, TopicSpec]:
    """Return the specification of every topic of a deployment by its role, as :class:`Role` names them.

    The changelog always has as many partitions as the topic that is counted from; the number here stands for one that
    is made.
    """
    partitions = settings.input_partitions
    counted_partitions = settings.keyed_partitions if settings.dedup_scope == "topic" else partitions
    changelog = changelog_topic(settings.consumer_group, settings.counted_topic)
    specs = (
        TopicSpec(Role.INPUT, settings.input_topic, partitions),
        *(_moving_specs(settings) if settings.dedup_scope == "topic" else ()),
        TopicSpec(Role.SUBTOTALS, settings.subtotals_topic, partitions),
        TopicSpec(Role.REJECTED, settings.rejected_topic, partitions),
        TopicSpec(Role.INVOICES, settings.invoices_topic, 1),
        TopicSpec(Role.NOTIFICATIONS, settings.notifications_topic, 1),
        TopicSpec(Role.CHANGELOG, changelog, counted_partitions),
    )
    return {spec.role.value: spec for spec in specs}


def counted_role(settings: Settings) -> Role:
    """Return the role of the topic that is counted from."""
    return Role.KEYED if settings.dedup_scope == "topic" else Role.INPUT


def moved_topic(keyed_topic: str) -> str:
    """Return the topic that says how far the input has been moved to a keyed topic."""
    return f"{keyed_topic}.moved"


def moving_group(keyed_topic: str) -> str:
    """Return the consumer group that moves records to a keyed topic.

    It is that of the keyed topic, whoever counts from it: two groups would move each record twice.
    """
    return f"{keyed_topic}-moving"


def _moving_specs(settings: Settings) -> tuple[TopicSpec, TopicSpec]:
    return (
        TopicSpec(Role.KEYED, settings.keyed_topic, settings.keyed_partitions),
        TopicSpec(Role.MOVED, moved_topic(settings.keyed_topic), 1),
    )
