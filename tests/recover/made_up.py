"""Facts as they might be found, made up."""

from dataclasses import replace

from billing.runtime.partition_bounds import Bounds
from billing.subtotal import Progress
from qb.recover.facts import Facts, Names, PartitionFacts, Unreadable

NAMES = Names(
    servers="localhost:9092",
    input_topic="billableevents.incoming",
    subtotals_topic="billing.subtotals",
    rejected_topic="billing.rejected",
    changelog="changelog__billing--billableevents.incoming--default",
    group="billing",
    time_zone="UTC",
)
OLDER = Unreadable("version 2 of a record is older than 3", is_older=True)
NEWER = Unreadable("version 4 of a record is newer than 3", is_newer=True)
STRANGE = Unreadable("not a versioned JSON object")


def counted(next_offset: int, **fields: object) -> Progress:
    """Return a progress record whose newest commit held records of 5,000 to 6,000 ms."""
    usual = Progress(next_offset, accepted=next_offset, oldest_record_ms=5_000, newest_record_ms=6_000)
    return replace(usual, **fields)  # type: ignore[arg-type]  # a test's own fields


def partition(**fields: object) -> PartitionFacts:
    """Return a partition of 100 records, 70 of them counted, in which everything belongs together."""
    usual = PartitionFacts(
        partition=0,
        log=Bounds(0, 100),
        committed=70,
        committed_before=70,
        state=counted(70),
        published=counted(70),
        last_record_ms=6_000,
    )
    return replace(usual, **fields)  # type: ignore[arg-type]


def facts(*partitions: PartitionFacts, **fields: object) -> Facts:
    """Return facts of partitions, numbered in their order."""
    numbered = tuple(replace(one, partition=number) for number, one in enumerate(partitions))
    return replace(Facts(numbered, topic_id="an-id"), **fields)  # type: ignore[arg-type]
