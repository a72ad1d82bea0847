"""Hands a record that cannot be billed to the topic of rejected records: unchanged, with the reason and its origin."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import NamedTuple

from billing.moved_record import KEYED_OFFSET, KEYED_PARTITION, InputPlace, split_headers
from billing.rejected_record import WHOLE_BYTES, carry
from billing.runtime.native.block import PartitionRecords
from billing.runtime.native.producing import HeaderColumn
from processor.quix_commit import Output
from processor.reading import Rejection

REJECTED_RUNBOOK = "docs/runbook.md#rejected-too-large"


class RejectedRecords(NamedTuple):
    """Records of a partition that cannot be billed, in offset order, whose headers have the same names.

    They are kept by column, and without the messages that they came in: those may hold many megabytes.

    Args:
        topic: where they were counted.
        partition: their partition there.
        offsets: their offsets there.
        rejections: why they cannot be billed.
        keys: what is handed on of their keys.
        values: what is handed on of their values.
        headers: what is handed on of their headers.
        sources: where they lay in the input before they were moved, empty if they were not.
    """

    topic: str
    partition: int
    offsets: Sequence[int]
    rejections: Sequence[Rejection]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[HeaderColumn] = ()
    sources: Sequence[InputPlace] = ()


def rejected_records(
    records: PartitionRecords, topic: str, rejections: Sequence[Rejection], is_moved: bool = False
) -> list[RejectedRecords]:
    """Return what is kept of those records of a topic that cannot be billed.

    Args:
        records: those of a partition.
        topic: where they are.
        rejections: which ones, and why.
        is_moved: whether they were moved there and tell where they lay before.
    """
    if not rejections:
        return []
    indices = [rejection.position for rejection in rejections]
    offsets, sent = records.offsets[indices].tolist(), records.headers_at(indices)
    keys, values = list(records.keys_at(indices)), list(records.values_at(indices))
    longest = int((records.key_lengths[indices] + records.value_lengths[indices]).max())
    if longest <= WHOLE_BYTES and not any(sent):
        return [RejectedRecords(topic, records.partition, offsets, rejections, keys, values)]
    kept = []
    for rejection, offset, key, value, headers in zip(rejections, offsets, keys, values, sent, strict=True):
        own, source = split_headers(headers) if is_moved else (headers, None)
        carried = carry(key, value, own)
        columns = [(name, [content]) for name, content in carried.headers]
        sources = [] if source is None else [source]
        place = topic, records.partition, [offset]
        kept.append(RejectedRecords(*place, [rejection], [carried.key], [carried.value], columns, sources))
    return kept


def produce_rejected(output: Output, topic: str, kept: Sequence[RejectedRecords], input_topic: str = "") -> None:
    """Produce key, value and headers of records as they are carried, with five headers more.

    Those of one that was moved name its place in the input; two more in front of them tell where it was counted.

    Args:
        output: produces in the open transaction.
        topic: the topic of rejected records.
        kept: what cannot be billed.
        input_topic: where records lay before they were moved.
    """
    for (_, names), group in groupby(kept, lambda some: (not some.sources, [name for name, _ in some.headers])):
        alike = list(group)
        carried = [(name, _joined(some.headers[at][1] for some in alike)) for at, name in enumerate(names)]
        keys, values = _joined(some.keys for some in alike), _joined(some.values for some in alike)
        output.produce_each(topic, keys, values, [*carried, *_places(alike, input_topic)])


def _joined(columns: Iterable[Sequence[bytes | None]]) -> list[bytes | None]:
    return list(chain.from_iterable(columns))


def _places(alike: Sequence[RejectedRecords], input_topic: str) -> Iterator[HeaderColumn]:
    topics = [topic for some in alike for topic in [some.topic.encode()] * len(some.keys)]
    partitions = [partition for some in alike for partition in [b"%d" % some.partition] * len(some.keys)]
    offsets = [b"%d" % offset for some in alike for offset in some.offsets]
    sources = [source for some in alike for source in some.sources]
    if sources:
        yield KEYED_PARTITION, partitions
        yield KEYED_OFFSET, offsets
        topics = [input_topic.encode()] * len(sources)
        partitions, offsets = [b"%d" % at.partition for at in sources], [b"%d" % at.offset for at in sources]
    rejections = [rejection for some in alike for rejection in some.rejections]
    yield "reason", [rejection.reason.encode() for rejection in rejections]
    yield "detail", [rejection.detail.encode("utf-8", "replace") for rejection in rejections]
    yield "source-topic", topics
    yield "source-partition", partitions
    yield "source-offset", offsets
