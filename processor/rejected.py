"""Hands a record that cannot be billed to the topic of rejected records: unchanged, with the reason and its origin."""

from dataclasses import dataclass

from billing.moved_record import KEYED_OFFSET, KEYED_PARTITION, InputPlace, split_headers
from billing.rejected_record import Carried, carry
from billing.runtime.native.block import PartitionRecords
from processor.quix_commit import Produce
from processor.reading import Rejection

REJECTED_RUNBOOK = "docs/runbook.md#rejected-too-large"


@dataclass(frozen=True, slots=True)
class RejectedRecord:
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


def rejected_record(
    records: PartitionRecords, topic: str, rejection: Rejection, is_moved: bool = False
) -> RejectedRecord:
    """Return what is kept of one of the records of a topic, which cannot be billed.

    Args:
        records: those of a partition.
        topic: where they are.
        rejection: which one, and why.
        is_moved: whether they were moved there and tell where they lay before.
    """
    index = rejection.index
    headers, source = split_headers(records.headers(index)) if is_moved else (records.headers(index), None)
    carried = carry(records.key(index), records.value(index), headers)
    return RejectedRecord(carried, topic, records.partition, int(records.offsets[index]), rejection, source)


def produce_rejected(produce: Produce, topic: str, record: RejectedRecord, input_topic: str = "") -> None:
    """Produce key, value and headers of a record as they are carried, with five headers more.

    Those of one that was moved name its place in the input; two more in front of them tell where it was counted.

    Args:
        produce: produces in the open transaction.
        topic: the topic of rejected records.
        record: what cannot be billed.
        input_topic: where records lay before they were moved.
    """
    place, source_topic, keyed = InputPlace(record.partition, record.offset), record.topic, []
    if record.source is not None:
        keyed = [(KEYED_PARTITION, str(place.partition).encode()), (KEYED_OFFSET, str(place.offset).encode())]
        place, source_topic = record.source, input_topic
    headers = [
        *record.carried.headers,
        *keyed,
        ("reason", record.rejection.reason.value.encode()),
        ("detail", record.rejection.detail.encode("utf-8", "replace")),
        ("source-topic", source_topic.encode()),
        ("source-partition", str(place.partition).encode()),
        ("source-offset", str(place.offset).encode()),
    ]
    produce(topic=topic, key=record.carried.key, value=record.carried.value, headers=headers)
