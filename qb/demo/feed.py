"""Follows the exporter's live stream, as any program outside would, in threads of its own."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from qb.demo.rates import Rates

HOST = "localhost"
LIVE_PATH = "/api/v1/live"
MARKS_PATH = "/api/v1/annotations"
RESTORE_METRIC = "billing_processor_restore_remaining_records"
# The stream speaks at least every five seconds; silence of twice that is a broken one.
_TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 0.5

Overview = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """The newest of what the exporter and the processor have told.

    Args:
        overview: the newest document of the stream, None before the first and while nobody answers.
        rates: events per second by ("type" or "customer") + "/" + name, None if not known yet.
        closes: the closed months, oldest first, each with its title and text.
        restore_remaining: changelog records that the processor still has to read back; None if it does not answer.
    """

    overview: Overview | None = None
    rates: dict[str, float | None] = field(default_factory=dict)
    closes: tuple[tuple[str, str], ...] = ()
    restore_remaining: int | None = None


class Feed:
    """Keeps `seen` up to date from when it is started until the process ends.

    Args:
        exporter_port: where the stream is.
        processor_port: where the processor tells how far it is.
    """

    def __init__(self, exporter_port: int, processor_port: int) -> None:
        self._exporter_port = exporter_port
        self._processor_port = processor_port
        self._lock = threading.Lock()
        self._seen = Seen()
        self._rates = Rates()
        self._final_months = 0

    @property
    def seen(self) -> Seen:
        """The newest of all."""
        with self._lock:
            return self._seen

    def start(self) -> None:
        """Begin; the threads are daemons and need no end."""
        for target in (self._follow, self._watch_restore):
            threading.Thread(target=target, daemon=True).start()

    def _follow(self) -> None:
        while True:
            try:
                for overview in read_stream(self._exporter_port):
                    self._take(overview)
            except (OSError, http.client.HTTPException, ValueError):
                pass
            self._change(overview=None)
            time.sleep(_PAUSE_SECONDS)

    def _take(self, overview: Overview) -> None:
        if not overview["ready"]:
            self._change(overview=overview)
            return
        counts = counts_of(overview)
        self._rates.observe(time.monotonic(), overview["month"], counts)
        self._change(overview=overview, rates={name: self._rates.per_second(name) for name in counts})
        final_months = sum(month["status"] == "final" for month in overview["months"])
        if final_months != self._final_months:
            rows = json.loads(_get(self._exporter_port, MARKS_PATH))
            self._change(closes=closes_of(rows))
            self._final_months = final_months

    def _watch_restore(self) -> None:
        while True:
            try:
                text = _get(self._processor_port, "/metrics").decode()
                self._change(restore_remaining=metric(text, RESTORE_METRIC))
            except (OSError, http.client.HTTPException, ValueError):
                self._change(restore_remaining=None)
            time.sleep(2 * _PAUSE_SECONDS)

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self._seen = replace(self._seen, **changes)


def read_stream(port: int) -> Iterator[Overview]:
    """Yield the documents of the live stream until it ends.

    Raises:
        OSError: nobody answers, or not in time.
        ValueError: it is not the stream that was expected.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", LIVE_PATH)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"the live stream answered {response.status}")
        while line := response.readline():
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
    finally:
        connection.close()


def counts_of(overview: Overview) -> dict[str, int]:
    """Return the month's events by ("type" or "customer") + "/" + name."""
    types = {f"type/{row['type']}": row["count"] for row in overview["types"]}
    return types | {f"customer/{row['customer']}": row["count"] for row in overview["top_customers"]}


def closes_of(rows: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return the months that are closed, from the rows of the annotations."""
    return tuple((row["title"], row["text"]) for row in rows if "final" in row["tags"])


def metric(text: str, name: str) -> int | None:
    """Return the value of a metric without labels in Prometheus' text format, None if it is not there."""
    for line in text.splitlines():
        if line.startswith(f"{name} "):
            return int(float(line.split()[1]))
    return None


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"{path} answered {response.status}")
        return body
    finally:
        connection.close()
