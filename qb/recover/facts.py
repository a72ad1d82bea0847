"""What there is: the input, the group's offsets, what the changelog and the published totals count."""

from dataclasses import dataclass
from pathlib import Path

from billing.runtime.partition_bounds import Bounds
from billing.subtotal import Progress


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A progress record in a form that this program does not read.

    Args:
        said: what is wrong with it.
        is_older: whether an earlier version of this program wrote it.
        is_newer: whether a later one did.
    """

    said: str
    is_older: bool = False
    is_newer: bool = False


# The newest progress record of an input partition in one topic; None where there is none.
Counted = Progress | Unreadable | None


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """What there is of one input partition.

    Args:
        partition: its number.
        log: where the input partition begins and ends; None if the input has none of this number.
        committed: the group's committed offset, read last; None if there is none.
        committed_before: the same, read before everything else: it differs while a processor counts.
        state: how far the changelog counts, and so State.
        published: how far `billing.subtotals` counts.
        changelog_start: the offset at which the changelog's partition begins.
        last_record_ms: record time of the input record just below the next offset; None if it is not there.
    """

    partition: int
    log: Bounds | None = None
    committed: int | None = None
    committed_before: int | None = None
    state: Counted = None
    published: Counted = None
    changelog_start: int = 0
    last_record_ms: int | None = None

    @property
    def reference(self) -> Progress | None:
        """What was counted, as far as it can be read: the changelog says it, else the published totals."""
        known = [counted for counted in (self.state, self.published) if isinstance(counted, Progress)]
        return known[0] if known else None

    def moved_over(self, offset: int) -> bool:
        """Whether the group's offset stood at an offset, or passed it, while everything was read."""
        return self.committed is not None and (self.committed_before or 0) <= offset <= self.committed


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a conclusion needs.

    Args:
        partitions: by number, without a gap.
        topic_id: the input topic's id; None if there is no such topic.
        members: the processors that the group has now, by client id.
        has_changelog: whether the changelog topic exists.
        state_folders: the folders below `state_dir` of this machine that hold State of the group.
        free_number: the smallest number from 2 on that gives new topics and a new group names that are free.
    """

    partitions: tuple[PartitionFacts, ...]
    topic_id: str | None = None
    members: tuple[str, ...] = ()
    has_changelog: bool = True
    state_folders: tuple[Path, ...] = ()
    free_number: int = 2

    @property
    def has_offsets(self) -> bool:
        """Whether the group has an offset of any input partition."""
        return any(one.committed is not None for one in self.partitions)


@dataclass(frozen=True, slots=True)
class Names:
    """What the facts are of, as the settings name it."""

    servers: str
    input_topic: str
    subtotals_topic: str
    rejected_topic: str
    changelog: str
    group: str
    time_zone: str
