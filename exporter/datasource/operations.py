"""The tables about the flow of events: rejected records, and how fresh each input partition is."""

from exporter.datasource.frames import Frame
from exporter.datasource.units import count_field, text_field, time_field
from exporter.query.asked import Asked


def rejected(asked: Asked) -> list[Frame]:
    """Return the rejected records by reason: every reason there is."""
    counts = asked.view.rejected()
    fields = [text_field("reason", list(counts)), count_field("records", list(counts.values()))]
    return [Frame("rejected", fields)]


def freshness(asked: Asked) -> list[Frame]:
    """Return how far each input partition has been counted."""
    progress, known = asked.view.progress(), asked.context.input_ends()
    lag = known.lag(asked.view.next_offsets())
    partitions = sorted({*progress, *known.offsets})
    found = [progress.get(partition) for partition in partitions]
    fields = [
        text_field("partition", [str(partition) for partition in partitions]),
        count_field("next_offset", [one.next_offset if one else 0 for one in found]),
        count_field("log_end_offset", [known.offsets.get(partition) for partition in partitions]),
        count_field("lag", [lag.get(partition) for partition in partitions]),
        time_field("watermark", [_time(one.watermark_ms if one else -1) for one in found]),
        time_field("last_commit", [_time(one.committed_ms if one else -1) for one in found]),
        count_field("accepted", [one.accepted if one else 0 for one in found]),
        count_field("rejected", [one.rejected_total if one else 0 for one in found]),
        count_field("duplicates", [one.duplicates if one else 0 for one in found]),
        count_field("voids", [one.voids if one else 0 for one in found]),
        count_field("replaces", [one.replaces if one else 0 for one in found]),
    ]
    return [Frame("freshness", fields)]


def _time(timestamp_ms: int) -> int | None:
    return timestamp_ms if timestamp_ms >= 0 else None
