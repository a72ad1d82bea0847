"""Hands a record that cannot be billed to the topic of rejected records: unchanged, with the reason and its origin."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from billing.moved_record import KEYED_OFFSET, KEYED_PARTITION, InputPlace, split_headers
from billing.rejected_record import Carried, carry
from billing.runtime.native.block import PartitionRecords
from billing.runtime.native.producing import HeaderColumn
from processor.quix_commit import Output
from processor.reading import Rejection

REJECTED_RUNBOOK = "docs/runbook.md#rejected-too-large"


class RejectedRecord(NamedTuple):
    """A record that cannot be billed, kept without the message that it came in: that may hold many megabytes.

    Args:
        carried: what is handed on of it.
        topic: where it was counted.
        partition: its partition there.
        offset: its offset there.
        rejection: why it cannot be billed.
        source: where it lay in the input before it was moved, None if it was not.
    """

    carried: Carried
    topic: str
    partition: int
    offset: int
    rejection: Rejection
    source: InputPlace | None = None


def rejected_records(
    records: PartitionRecords, topic: str, rejections: Sequence[Rejection], is_moved: bool = False
) -> Iterator[RejectedRecord]:
    """Yield what is kept of those records of a topic that cannot be billed.

    Args:
        records: those of a partition.
        topic: where they are.
        rejections: which ones, and why.
        is_moved: whether they were moved there and tell where they lay before.
    """
    if not rejections:
        return
    indices = [rejection.position for rejection in rejections]
    offsets, headers_at = records.offsets[indices].tolist(), records.headers_at(indices)
    found = zip(rejections, offsets, records.keys_at(indices), records.values_at(indices), headers_at, strict=True)
    for rejection, offset, key, value, sent in found:
        headers, source = split_headers(sent) if is_moved else (sent, None)
        yield RejectedRecord(carry(key, value, headers), topic, records.partition, offset, rejection, source)


def produce_rejected(output: Output, topic: str, records: Sequence[RejectedRecord], input_topic: str = "") -> None:
    """Produce key, value and headers of records as they are carried, with five headers more.

    Those of one that was moved name its place in the input; two more in front of them tell where it was counted.

    Args:
        output: produces in the open transaction.
        topic: the topic of rejected records.
        records: what cannot be billed.
        input_topic: where records lay before they were moved.
    """
    for _, group in groupby(records, _names):
        alike = list(group)
        keys, values = [record.carried.key for record in alike], [record.carried.value for record in alike]
        output.produce_each(topic, keys, values, [*_carried(alike), *_places(alike, input_topic)])


def _names(record: RejectedRecord) -> tuple[bool, list[str]]:
    """Return what records have in common whose headers have the same names."""
    return record.source is None, [name for name, _ in record.carried.headers]


def _carried(alike: Sequence[RejectedRecord]) -> Iterator[HeaderColumn]:
    for index, (name, _) in enumerate(alike[0].carried.headers):
        yield name, [record.carried.headers[index][1] for record in alike]


def _places(alike: Sequence[RejectedRecord], input_topic: str) -> Iterator[HeaderColumn]:
    # By column: a list for each record would be thousands of objects for Python to look through.
    topics = [record.topic.encode() for record in alike]
    partitions, offsets = [b"%d" % record.partition for record in alike], [b"%d" % record.offset for record in alike]
    sources = [record.source for record in alike if record.source is not None]
    if sources:
        yield KEYED_PARTITION, partitions
        yield KEYED_OFFSET, offsets
        topics = [input_topic.encode()] * len(alike)
        partitions, offsets = [b"%d" % at.partition for at in sources], [b"%d" % at.offset for at in sources]
    yield "reason", [record.rejection.reason.encode() for record in alike]
    yield "detail", [record.rejection.detail.encode("utf-8", "replace") for record in alike]
    yield "source-topic", topics
    yield "source-partition", partitions
    yield "source-offset", offsets
