"""Hands a record that cannot be billed to the topic of rejected records: unchanged, with the reason and its origin."""

from typing import Any

from processor.fold import Rejection
from processor.quix_commit import Produce

REJECTED_RUNBOOK = "docs/runbook.md#rejected-too-large"


def produce_rejected(produce: Produce, topic: str, message: Any, rejection: Rejection) -> None:
    """Produce key, value and headers of `message` as they are, with five headers more.

    Args:
        produce: produces in the open transaction.
        topic: the topic of rejected records.
        message: the record as it was read.
        rejection: why it cannot be billed.
    """
    headers = [
        *(message.headers() or []),
        ("reason", rejection.reason.value.encode()),
        ("detail", rejection.detail.encode("utf-8", "replace")),
        ("source-topic", message.topic().encode()),
        ("source-partition", str(message.partition()).encode()),
        ("source-offset", str(message.offset()).encode()),
    ]
    produce(topic=topic, key=message.key(), value=message.value(), headers=headers)
