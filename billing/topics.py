"""The topics between the parts: their names come from the settings, their shape from here."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.settings import Settings

COMPACTED = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "segment.ms": "600000"}
KEPT_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1"}

# What a broker takes in one request at the most (its `socket.request.max.bytes`). A record of the input, however large
# it was allowed to be, fits into a topic with this limit, with the headers that a rejected record gets.
LARGEST_RECORD_BYTES = 104_857_600


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it is made when it does not exist yet. An existing one is left as it is.

    `partitions` None takes the broker's default.
    """

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def subtotals_partition(input_partition: int, partitions: int) -> int:
    """Return the partition of `billing.subtotals` that holds all records of an input partition.

    One and always the same, so that a reader gets a commit in the order in which it was written, progress record last.

    Args:
        input_partition: the input partition whose sums they are.
        partitions: how many partitions `billing.subtotals` has.
    """
    return input_partition % partitions


def topic_specs(settings: "Settings") -> dict[str, TopicSpec]:
    """Return the specification of every topic by its role: input, subtotals, rejected, invoices."""
    return {
        "input": TopicSpec(settings.input_topic, settings.input_partitions, dict(KEPT_FOR_EVER)),
        "subtotals": TopicSpec(settings.subtotals_topic, settings.input_partitions, dict(COMPACTED)),
        "rejected": TopicSpec(
            settings.rejected_topic,
            settings.input_partitions,
            {**KEPT_FOR_EVER, "max.message.bytes": str(LARGEST_RECORD_BYTES)},
        ),
        "invoices": TopicSpec(settings.invoices_topic, 1, dict(COMPACTED)),
    }
