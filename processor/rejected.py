"""Hands a record that cannot be billed to the topic of rejected records: unchanged, with the reason and its origin."""

from dataclasses import dataclass
from typing import Any

from billing.rejected_record import Carried, carry
from processor.fold import Rejection
from processor.quix_commit import Produce

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


def rejected_record(message: Any, rejection: Rejection) -> RejectedRecord:
    """Return what is kept of a message that cannot be billed."""
    carried = carry(message.key(), message.value(), message.headers() or ())
    return RejectedRecord(carried, message.topic(), message.partition(), message.offset(), rejection)


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
