"""Hands a record that cannot be billed to the topic of rejected records: unchanged, with the reason and its origin."""

from dataclasses import dataclass

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
        topic: where it came from.
        partition: its partition there.
        offset: its offset there.
        rejection: why it cannot be billed.
    """

    carried: Carried
    topic: str
    partition: int
    offset: int
    rejection: Rejection


def rejected_record(records: PartitionRecords, topic: str, rejection: Rejection) -> RejectedRecord:
    """Return what is kept of one of the records of a topic, which cannot be billed."""
    index = rejection.index
    carried = carry(records.key(index), records.value(index), records.headers(index))
    return RejectedRecord(carried, topic, records.partition, int(records.offsets[index]), rejection)


def produce_rejected(produce: Produce, topic: str, record: RejectedRecord) -> None:
    """Produce key, value and headers of a record as they are carried, with five headers more.

    Args:
        produce: produces in the open transaction.
        topic: the topic of rejected records.
        record: what cannot be billed.
    """
    headers = [
        *record.carried.headers,
        ("reason", record.rejection.reason.value.encode()),
        ("detail", record.rejection.detail.encode("utf-8", "replace")),
        ("source-topic", record.topic.encode()),
        ("source-partition", str(record.partition).encode()),
        ("source-offset", str(record.offset).encode()),
    ]
    produce(topic=topic, key=record.carried.key, value=record.carried.value, headers=headers)
