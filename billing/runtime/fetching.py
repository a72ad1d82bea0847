"""How a topic is fetched: much at once, or one batch at a time while there are records that unpack to very much.

The client unpacks all batches of a fetch before it hands out the first, so a megabyte of them may take gigabytes of
memory. It refuses to unpack a zstd batch to more than it may receive. That is a small limit as a rule; a batch beyond
it is refused, and whoever reads goes on carefully: it takes such batches, but never two at once, and for a while only.
"""

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from billing.errors import OperatorError
from billing.runtime.topic_check import look_at
from billing.settings import Settings
from billing.topic_rules import LARGEST_RECORD_BYTES

UNPACKING_RUNBOOK = "docs/runbook.md#unpacks-too-much"
CAREFUL_SECONDS = 10.0
# What surrounds the batches in an answer.
_ENVELOPE_BYTES = 65_536
# The client takes no smaller limit for a fetch, and no partition's share is larger by default.
_USUAL_FETCH_BYTES = 1_048_576


class UnpackedTooMuchError(OperatorError):
    """A batch can't be unpacked even when it is read by itself: the message says which, and where to read on."""


def swift(settings: Settings, largest_batch_bytes: int = LARGEST_RECORD_BYTES) -> dict[str, object]:
    """Return the options for fetching much at once from a topic that takes batches of that size as they are sent."""
    most = max(settings.fetch_bytes, largest_batch_bytes, _USUAL_FETCH_BYTES)
    return {
        "fetch.max.bytes": most,
        "fetch.message.max.bytes": min(settings.fetch_bytes, _USUAL_FETCH_BYTES),
        "receive.message.max.bytes": most + _ENVELOPE_BYTES,
    }


def careful(settings: Settings) -> dict[str, object]:
    """Return the options for fetching one batch at a time, however large it becomes within `unpacked_bytes`."""
    return {
        "fetch.max.bytes": _USUAL_FETCH_BYTES,
        "fetch.message.max.bytes": 1,  # a broker sends the first batch whole all the same
        "queued.min.messages": 1,
        "queued.max.messages.kbytes": 1,
        "receive.message.max.bytes": settings.unpacked_bytes,
    }


def largest_batch_bytes(admin: AdminClient, topic: str) -> int:
    """Return what a topic takes in one batch; the most that any may take where that cannot be asked.

    Raises:
        KafkaException: no broker answers.
    """
    state = look_at(admin, [topic]).topics.get(topic)
    return int(state.config.get("max.message.bytes", LARGEST_RECORD_BYTES)) if state else LARGEST_RECORD_BYTES


def is_refused(error: KafkaError) -> bool:
    """Return whether the client would not unpack a batch."""
    return bool(error.code() == KafkaError._BAD_COMPRESSION)


def unpacked_too_much(settings: Settings, topic: str, place: tuple[int, int] | None) -> UnpackedTooMuchError:
    """Return what an operator has to know of a batch that is refused even when it is read by itself.

    Args:
        settings: the limit.
        topic: where the batch is.
        place: its partition and its first offset; None if they are not known.
    """
    batch = f"{topic}: a batch" if place is None else f"{topic}[{place[0]}]: the batch at offset {place[1]}"
    return UnpackedTooMuchError(
        f"{batch} is damaged, or unpacks to more than unpacked_bytes = {settings.unpacked_bytes}; stopped rather than "
        f"leave it out, see {UNPACKING_RUNBOOK}"
    )
