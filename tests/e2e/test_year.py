"""A year of everything at once: events in, months closed as they go by, kills on the way, and an audit at the end."""

import json
import os
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from billing import ledger
from billing.clock import FixedClock
from billing.invoice import Invoice
from billing.ledger import InvoiceKey, MonthCloseKey
from billing.local_time import MS_PER_HOUR
from billing.period import add_months, month_calendar
from generator.events import EventMix, GeneratedEvent, generate_events
from generator.expected import ExpectedTotals
from tests.conftest import Kafka
from tests.forking import run_process
from tests.hanging import assert_nothing_hangs
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.whole_topic import read_whole

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600), pytest.mark.slow("a year with its audit")]

ZONE = "Europe/Berlin"
MONTHS = [add_months("2025-01", index) for index in range(12)]
DAY_MS = 24 * MS_PER_HOUR
EVENTS_A_DAY = 15
GARBAGE = b"neither CSV nor JSON"


class Year:
    """The events of a year, month by month, and the truth about them.

    Fewer and fewer customers are there, so most of them vanish. Events are up to two days out of order, some of them
    up to five; some are credits. In the second half of the year the last input partition is silent.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.expected = ExpectedTotals(month_calendar(ZONE))
        self.garbage = 0
        self._pipeline = pipeline
        self._clock = FixedClock(0)
        self._calendar = month_calendar(ZONE)

    def send_month(self, index: int) -> None:
        """Send what arrives in a month: its own events, and, once the month before is closed, late ones for that."""
        start_ms, end_ms = self._calendar.bounds_ms(MONTHS[index])
        mix = EventMix(
            customers=60 - 4 * index,
            credit_share=0.1,
            late_share=0.05,
            out_of_order_ms=2 * DAY_MS,
            late_ms=5 * DAY_MS,
        )
        events = generate_events(mix, index, self._clock)
        partitions = INPUT_PARTITIONS if index < 6 else INPUT_PARTITIONS - 1
        # Nothing of the year before, however late.
        first_ms = start_ms + 6 * DAY_MS if index == 0 else start_ms
        for day_ms in range(first_ms, end_ms, DAY_MS):
            self._clock.time_ms = day_ms
            self._send(islice(events, EVENTS_A_DAY), partitions)
        self._pipeline.produce(GARBAGE, partition=index % INPUT_PARTITIONS)
        self.garbage += 1
        self._pipeline.flush()

    def send_late(self, index: int) -> None:
        """Send some events in the middle of a month, whatever month it is now."""
        self._clock.time_ms = self._calendar.bounds_ms(MONTHS[index])[0] + 10 * DAY_MS
        self._send(islice(generate_events(EventMix(customers=60, credit_share=0.5), 100 + index, self._clock), 5), 3)
        self._pipeline.flush()

    def send_last(self) -> None:
        """Send an event to each partition but the silent one, far enough into the next year to end this one."""
        self._clock.time_ms = self._calendar.bounds_ms("2026-01")[0] + 9 * DAY_MS
        self._send(islice(generate_events(EventMix(), 99, self._clock), INPUT_PARTITIONS - 1), INPUT_PARTITIONS - 1)
        self._pipeline.flush()

    def _send(self, events: Iterator[GeneratedEvent], partitions: int) -> None:
        for number, event in enumerate(events):
            self.expected.add(event)
            self._pipeline.produce(event.payload, event.key, number % partitions)


def read_ledger(pipeline: Pipeline) -> tuple[list[Invoice], list[str]]:
    """Return the issued invoices and the closed months."""
    invoices: list[Invoice] = []
    closed: list[str] = []
    for record in read_whole(pipeline.settings, pipeline.settings.invoices_topic, 1):
        assert record.key is not None
        assert record.value is not None
        match ledger.decode_key(record.key):
            case InvoiceKey():
                invoices.append(ledger.decode_invoice(record.value))
            case MonthCloseKey(month):
                closed.append(month)
    return invoices, closed


def wait_until_closed(pipeline: Pipeline, months: list[str]) -> None:
    """Wait until exactly these months are closed, in their order."""
    wait_until(lambda: read_ledger(pipeline)[1] == months, what=f"{months[-1]} closed")


def audit(pipeline: Pipeline) -> tuple[int, dict[str, object]]:
    """Run `qb audit --json` and return its exit code and what it found."""
    result = run_process("qb", "audit", "--json", environment={**os.environ, **pipeline.environment})
    return result.returncode, json.loads(result.stdout)


def test_a_year_ends_with_a_clean_audit(kafka: Kafka, unique_name: str, tmp_path: Path) -> None:
    """Twelve months, out of order, late within and beyond grace, credits, a silent partition, vanished customers.

    Processor and invoicer are killed on the way. Every month closes; what is issued and what is open is what was
    accepted; the audit finds no difference, and the files agree with the ledger.
    """
    # The invoicer's clock stands still at the beginning of the year: only events close months.
    start_ms = month_calendar(ZONE).bounds_ms(MONTHS[0])[0]
    # What is late here is not too old for its id.
    ids = {"dedup_window_days": 100}
    options = {
        **ids,
        "idle_after_seconds": 3,
        "check_interval_seconds": 0.2,
        "close_chunk_invoices": 7,
        "invoicer_port": 0,
    }

    def start_invoicer() -> "subprocess.Popen[bytes]":
        return pipeline.start("invoice", simulation_speed=1e-6, simulation_start_ms=start_ms)

    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, time_zone=ZONE, **options) as pipeline:
        processor = pipeline.start("process")
        invoicer = start_invoicer()
        year = Year(pipeline)
        for index in range(len(MONTHS)):
            year.send_month(index)
            if index > 0:
                wait_until_closed(pipeline, MONTHS[:index])
                year.send_late(index - 1)
            if index % 4 == 2:
                invoicer.kill()
                invoicer.wait()
                invoicer = start_invoicer()
            if index % 4 == 3:
                processor.kill()
                processor.wait()
                processor = pipeline.start("process")
        year.send_last()
        wait_until_closed(pipeline, MONTHS)
        wait_until(lambda: (tmp_path / "invoices" / MONTHS[-1]).is_dir(), what="all files written")
        invoicer.terminate()
        assert invoicer.wait(120) == 0
        assert pipeline.consumed() == year.expected.records + year.garbage
        code, found = audit(pipeline)
        assert code == 0, found
        assert_nothing_hangs(pipeline.settings)
        invoices, _ = read_ledger(pipeline)
    billed = sum(invoice.exact_micros for invoice in invoices)
    open_micros = year.expected.accepted_micros - billed
    january = sum(micros for (month, _, _), (micros, _) in year.expected.customers.items() if month == "2026-01")
    assert open_micros == january
    assert any(invoice.adjustments for invoice in invoices)
    assert any(invoice.total_minor < 0 for invoice in invoices)
