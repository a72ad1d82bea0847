"""`qb generate`: makes events at a steady rate until it has made enough or is told to stop."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from billing.errors import OperatorError
from billing.period import month_calendar
from billing.runtime.kafka import ensure_topics
from billing.runtime.logs import get_logger
from billing.runtime.signals import Stop, stop_on_signals
from billing.settings import Settings
from generator.clock import event_clock, simulate_months
from generator.events import EventMix, GeneratedEvent, generate_events
from generator.expected import ExpectedTotals
from generator.mix import MS_PER_DAY
from generator.pace import Pace, events_a_second
from generator.sender import EventSender

logger = get_logger(__name__)

BATCH = 1_000
POLL_SECONDS = 0.02
REPORT_SECONDS = 10.0


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Send events until `events` are sent or a signal comes; return 0 when every one is confirmed.

    Raises:
        OperatorError: no broker answers, an event is refused or stays unconfirmed, or the totals cannot be written.
    """
    settings = simulate_months(settings)
    _tell_simulation(settings)
    ensure_topics(settings, ["input"])
    totals = ExpectedTotals(month_calendar(settings.time_zone)) if settings.expected_file else None
    sender = EventSender(settings, totals)
    try:
        with stop_on_signals() as stop:
            send_events(settings, sender, stop)
            sender.close()
    finally:
        if totals is not None:
            _write(totals, Path(settings.expected_file))
    logger.info("stopped", events=sender.confirmed)
    return 0


def event_mix(settings: Settings) -> EventMix:
    """Return what the settings say the stream is made of."""
    return EventMix(
        customers=settings.customers,
        types=settings.types,
        default_type=settings.default_type,
        formats=settings.formats,
        keyed=settings.keyed,
        malformed_share=settings.malformed_share,
        credit_share=settings.credit_share,
        out_of_order_ms=int(settings.out_of_order_seconds * 1_000),
        late_share=settings.late_share,
        late_ms=int(settings.late_seconds * 1_000),
        max_future_ms=settings.event_rules.max_future_ms,
        max_event_bytes=settings.max_event_bytes,
        repeat_share=settings.repeat_share,
        conflict_share=settings.conflict_share,
        void_share=settings.void_share,
        replace_share=settings.replace_share,
        dedup_window_ms=settings.dedup_window_days * MS_PER_DAY,
    )


def send_events(settings: Settings, sender: EventSender, stop: Stop) -> None:
    """Send the events that the settings ask for at their pace; return when all are handed over or `stop` says so."""
    events = generate_events(event_mix(settings), settings.seed, event_clock(settings))
    left = settings.events or None
    pace = Pace(events_a_second(settings.rate, settings.delay_seconds), time.monotonic())
    report = _Report(time.monotonic())
    while left != 0 and not stop.requested:
        count = pace.due(time.monotonic(), BATCH if left is None else min(BATCH, left))
        _send_all(islice(events, count), sender, stop)
        left = None if left is None else left - count
        sender.poll(0.0 if count == BATCH else POLL_SECONDS)
        report.tick(sender.confirmed, time.monotonic())


def _send_all(events: Iterator[GeneratedEvent], sender: EventSender, stop: Stop) -> None:
    for event in events:
        while not sender.send(event):
            if stop.requested:
                return
            sender.poll(POLL_SECONDS)


@dataclass
class _Report:
    """Logs how many events were confirmed, every ten seconds."""

    since: float
    confirmed: int = field(default=0)

    def tick(self, confirmed: int, now: float) -> None:
        if now - self.since < REPORT_SECONDS:
            return
        rate = (confirmed - self.confirmed) / (now - self.since)
        logger.info("events sent", total=confirmed, rate_per_second=round(rate, 1))
        self.since, self.confirmed = now, confirmed


def _tell_simulation(settings: Settings) -> None:
    """Say what the other parts must be given: without the same clock they would reject the simulated future."""
    if settings.simulation_speed:
        logger.info(
            "simulated time: give these settings to every part",
            QB_SIMULATION_SPEED=settings.simulation_speed,
            QB_SIMULATION_START_MS=settings.simulation_start_ms,
            QB_SIMULATION_ANCHOR_MS=settings.simulation_anchor_ms,
        )


def _write(totals: ExpectedTotals, path: Path) -> None:
    try:
        totals.write(path)
    except OSError as error:
        raise OperatorError(f"expected_file {path}: {error.strerror}") from None
