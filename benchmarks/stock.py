"""The same job, one message at a time, as Quix's documentation shows it.

``python -m benchmarks.stock SERVERS TOPIC EVENTS SECONDS FOLDER NAME``; exactly-once, State per message, a subtotal out
per message. Prints the rate as JSON.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from quixstreams import Application, State

from benchmarks.rate import Rate, Samples
from benchmarks.stage import COMMIT_SECONDS
from billing.event import EventRules, decode_event
from billing.period import month_calendar

_NOTED_EVERY = 1_000
# From here on nothing happens in the events, which are the past.
_NOW_MS = 2_000_000_000_000
_START_SECONDS = 10.0


def process(servers: str, topic: str, events: int, seconds: float, folder: Path, name: str) -> Rate:
    """Run it for some seconds, or until so many events were counted, and return the rate."""
    rules, calendar, samples = EventRules(), month_calendar("UTC"), Samples()
    deadline = time.monotonic() + seconds + _START_SECONDS
    seen = 0

    def count(payload: bytes, state: State[str, list[int]]) -> dict[str, object]:
        event = decode_event(payload, rules, _NOW_MS)
        kind = f"{calendar.month_of(event.timestamp_ms)}|{event.type}"
        total, number = state.get(kind, default=[0, 0])
        state.set(kind, [total + event.amount_micros, number + 1])
        return {"customer": event.customer, "name": kind, "total": total + event.amount_micros, "count": number + 1}

    def note(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen % _NOTED_EVERY == 0:
            samples.note(time.monotonic(), seen, time.process_time())
            if time.monotonic() > deadline or seen >= events:
                application.stop()

    application = Application(
        broker_address=servers,
        consumer_group=name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_SECONDS,
        state_dir=folder,
        loglevel=None,
        on_message_processed=note,
    )
    incoming = application.topic(topic, value_deserializer="bytes")
    outgoing = application.topic(f"{name}.subtotals", value_serializer="json")
    application.dataframe(incoming).apply(count, stateful=True).to_topic(outgoing)
    application.run()
    return samples.rate()


if __name__ == "__main__":
    _, _servers, _topic, _events, _seconds, _folder, _name = sys.argv
    print(json.dumps(asdict(process(_servers, _topic, int(_events), float(_seconds), Path(_folder), _name))))
