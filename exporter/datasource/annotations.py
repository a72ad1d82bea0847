"""The target of the annotations."""

from exporter.datasource.frames import Frame
from exporter.datasource.units import text_field, time_field
from exporter.query.asked import Asked
from exporter.query.marks import marks
from exporter.web.problems import unprocessable


def annotations(asked: Asked) -> list[Frame]:
    """Return the annotations in the time shown, as the one frame that Grafana wants."""
    at = asked.payload.get("at") or "month_end"
    if at not in ("month_end", "closed"):
        raise unprocessable("bad_payload", f"at {str(at)[:40]!r} is neither month_end nor closed", "at")
    shown = asked.range
    found = [
        mark
        for mark in marks(asked.view, asked.context.calendar, asked.currency, at)
        if shown is None or shown.from_ms <= mark.time_ms <= shown.to_ms
    ]
    times = [mark.time_ms for mark in found]
    fields = [
        time_field("time", times),
        time_field("timeEnd", times),
        text_field("title", [mark.title for mark in found]),
        text_field("text", [mark.text for mark in found]),
        text_field("tags", [",".join(mark.tags) for mark in found]),
    ]
    return [Frame("annotations", fields)]
