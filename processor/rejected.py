"""Hands a record that cannot be billed to the topic of rejected records: unchanged, with the reason and its origin."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from billing.moved_record import KEYED_OFFSET, KEYED_PARTITION, InputPlace, split_headers
from billing.rejected_record import WHOLE_BYTES, carry
from billing.runtime.native.block import PartitionRecords, chosen, joined, joined_all, joined_if_any
from billing.runtime.native.copying import Joined
from billing.runtime.native.producing import HeaderColumn
from processor.quix_commit import Output
from processor.reading import Rejection

REJECTED_RUNBOOK = "docs/runbook.md#rejected-too-large"


class RejectedRecords(NamedTuple):
    """Records of a partition that cannot be billed, in offset order, whose headers have the same names.

    They are kept by column, and without the messages that they came in: those may hold many megabytes.

    Args:
        partition: theirs, where they were counted.
        offsets: their offsets there.
        rejections: why they cannot be billed.
        keys: what is handed on of their keys.
        values: what is handed on of their values.
        headers: what is handed on of their headers.
        sources: where they lay in the input before they were moved, empty if they were not.
    """

    partition: int
    offsets: Sequence[int]
    rejections: Sequence[Rejection]
    keys: Joined
    values: Joined
    headers: Sequence[HeaderColumn] = ()
    sources: Sequence[InputPlace] = ()


def rejected_records(
    records: PartitionRecords, rejections: Sequence[Rejection], is_moved: bool = False
) -> list[RejectedRecords]:
    """Return what is kept of those records that cannot be billed.

    Args:
        records: those of a partition.
        rejections: which ones, and why.
        is_moved: whether they were moved there and tell where they lay before.
    """
    if not rejections:
        return []
    indices = np.array([rejection.position for rejection in rejections], np.int64)
    offsets, sent = records.offsets[indices].tolist(), records.headers_at(indices)
    longest = int((records.key_lengths[indices] + records.value_lengths[indices]).max())
    if longest <= WHOLE_BYTES and not any(sent):
        return [RejectedRecords(records.partition, offsets, rejections, *records.gathered(indices))]
    kept = []
    for rejection, offset, headers in zip(rejections, offsets, sent, strict=True):
        own, source = split_headers(headers) if is_moved else (headers, None)
        carried = carry(records.key(rejection.position), records.value(rejection.position), own)
        columns = [(name, joined_if_any([content])) for name, content in carried.headers]
        texts = joined_if_any([carried.key]), joined_if_any([carried.value])
        sources = [] if source is None else [source]
        kept.append(RejectedRecords(records.partition, [offset], [rejection], *texts, columns, sources))
    return kept


def produce_rejected(
    output: Output, topic: str, kept: Sequence[RejectedRecords], counted_topic: str, input_topic: str
) -> None:
    """Produce key, value and headers of records as they are carried, with five headers more.

    Those of one that was moved name its place in the input; two more in front of them tell where it was counted.

    Args:
        output: produces in the open transaction.
        topic: the topic of rejected records.
        kept: what cannot be billed.
        counted_topic: where it was counted.
        input_topic: where records lay before they were moved.
    """
    for (_, names), group in groupby(kept, lambda some: (not some.sources, [name for name, _ in some.headers])):
        alike = list(group)
        carried = [(name, joined_all([some.headers[at][1] for some in alike])) for at, name in enumerate(names)]
        keys, values = joined_all([some.keys for some in alike]), joined_all([some.values for some in alike])
        output.produce_each(topic, keys, values, [*carried, *_added(alike, counted_topic, input_topic)])


def _added(alike: Sequence[RejectedRecords], counted_topic: str, input_topic: str) -> Iterator[HeaderColumn]:
    rejections = [rejection for some in alike for rejection in some.rejections]
    counts = [len(some.rejections) for some in alike]
    partitions = chosen([b"%d" % some.partition for some in alike], np.repeat(np.arange(len(alike)), counts))
    offsets = joined([b"%d" % offset for some in alike for offset in some.offsets])
    sources = [source for some in alike for source in some.sources]
    if sources:
        yield KEYED_PARTITION, partitions
        yield KEYED_OFFSET, offsets
        partitions = joined([b"%d" % source.partition for source in sources])
        offsets = joined([b"%d" % source.offset for source in sources])
    yield "reason", joined([rejection.reason.encode() for rejection in rejections])
    yield "detail", joined([rejection.detail.encode("utf-8", "replace") for rejection in rejections])
    topic = input_topic if sources else counted_topic
    yield "source-topic", chosen([topic.encode()], np.zeros(len(rejections), np.int64))
    yield "source-partition", partitions
    yield "source-offset", offsets
