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
    """Return the specification of every topic by its role.

    The changelog always has as many partitions as the input; the number here stands for an input that is made.
    """
    partitions = settings.input_partitions
    specs = (
        TopicSpec(Role.INPUT, settings.input_topic, partitions),
        TopicSpec(Role.SUBTOTALS, settings.subtotals_topic, partitions),
        TopicSpec(Role.REJECTED, settings.rejected_topic, partitions),
        TopicSpec(Role.INVOICES, settings.invoices_topic, 1),
        TopicSpec(Role.NOTIFICATIONS, settings.notifications_topic, 1),
        TopicSpec(Role.CHANGELOG, changelog_topic(settings.consumer_group, settings.input_topic), partitions),
    )
    return {spec.role.value: spec for spec in specs}
