"""Times the closing of a month: ``python -m benchmarks.close_month --customers 200000``.

Fills the subtotals topic of a broker of its own with a month of customers, three types each, and lets `qb invoice`
close it. With ``--updates`` each subtotal is published that many times, as it is when more events come: time to read
grows with it, memory must not. Prints seconds and the peak memory of the invoicer's process.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer

from billing.money import format_micros
from billing.period import add_months, month_calendar
from billing.runtime.kafka import ensure_topics
from billing.settings import Settings
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, TypeSums, encode_key, encode_progress, encode_sums
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port

FIRST_MONTH = "2026-01"
PARTITIONS = 4


@dataclass(frozen=True)
class Figures:
    """What one run of the invoicer took, and what the newest month's manifest says: invoices, and their exact sum."""

    seconds: float
    peak_mib: float
    close_seconds: list[float]
    files_bytes: int
    invoices: int
    exact: str


class PeakMemory:
    """Watches the peak of a process's resident memory until it ends.

    What the kernel tells of an ended child is no use: it counts the memory of the parent that forked it.
    """

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._status = Path(f"/proc/{pid}/status")
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with suppress(OSError):
            while found := re.search(r"VmHWM:\s+([0-9]+) kB", self._status.read_text("ascii")):
                self.mib = int(found[1]) / 1024
                time.sleep(0.1)


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--months", type=int, default=1, help="months with as many customers each, closed in a row")
    parser.add_argument("--updates", type=int, default=1, help="how often each subtotal is published")
    parser.add_argument("--dir", type=Path, help="where the data goes (a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = Path(name)
        with KafkaBroker(folder / "kafka", free_port()) as broker:
            settings = Settings(
                bootstrap_servers=broker.bootstrap_servers, input_partitions=PARTITIONS, output=folder / "invoices"
            )
            began = time.monotonic()
            records = fill(settings, arguments.customers, arguments.months, arguments.updates)
            print(f"filled: {records} subtotals in {time.monotonic() - began:.0f} s", flush=True)
            show(arguments, close(settings, add_months(FIRST_MONTH, arguments.months - 1)))
    return 0


def fill(settings: Settings, customers: int, months: int, updates: int) -> int:
    """Publish the subtotals of all customers and return how many records that took."""
    ensure_topics(settings, ("input", "subtotals", "invoices"))
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 50, "compression.type": "lz4",
         "queue.buffering.max.messages": 1_000_000}
    )  # fmt: skip
    topic = settings.subtotals_topic
    for update in range(1, updates + 1):
        for month in (add_months(FIRST_MONTH, index) for index in range(months)):
            for number in range(customers):
                key = CustomerMonthKey(number % PARTITIONS, month, f"customer-{number:07d}")
                produce(producer, topic, encode_key(key), encode_sums(sums_of(number, update)))
    end_ms = month_calendar(settings.time_zone).bounds_ms(month)[1]
    for partition in range(PARTITIONS):
        progress = Progress(watermark_ms=end_ms - 1, accepted=1, committed_ms=1)
        produce(producer, topic, encode_key(ProgressKey(partition)), encode_progress(progress))
    producer.flush()
    return updates * months * customers


def sums_of(number: int, update: int) -> TypeSums:
    """Return what a customer has used of each type when it is published for the so-manieth time."""
    return {
        "CALL": (update * (number * 37 % 10_000_019 - 500_000), update * 7),
        "DATA": (update * (number % 99_991), update * 11),
        "MESSAGE": (update * 90_000, update),
    }


def exact_total(customers: int, updates: int) -> str:
    """Return the sum over all customers of a month, as the manifest of its files writes it."""
    micros = sum(amount for number in range(customers) for amount, _ in sums_of(number, updates).values())
    return format_micros(micros)


def produce(producer: Producer, topic: str, key: bytes, value: bytes) -> None:
    """Send a record, waiting while the queue is full."""
    while True:
        try:
            producer.produce(topic, key=key, value=value)
            return
        except BufferError:
            producer.poll(0.1)


def close(settings: Settings, month: str, before: Sequence[str] = ()) -> Figures:
    """Let `qb invoice`, behind a command such as `taskset`, close the months up to `month`; return what that took.

    Raises:
        SystemExit: it failed.
    """
    told = ("bootstrap_servers", "output", "input_topic", "subtotals_topic", "invoices_topic")
    environment = {**os.environ, **{f"QB_{name.upper()}": str(getattr(settings, name)) for name in told}}
    began = time.monotonic()
    said = []
    with subprocess.Popen(
        [*before, sys.executable, "-m", "qb", "invoice", "--month", month, "--now"],
        env=environment, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        peak = PeakMemory(process.pid)
        assert process.stderr is not None
        for line in process.stderr:
            print(f"  {line}", end="", flush=True)
            said.append(line)
    seconds = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"qb invoice failed with exit code {process.returncode}")
    close_seconds = [
        float(found[1]) for line in said if (found := re.search(r"month closed .* seconds=([0-9.]+)", line))
    ]
    files_bytes = sum(path.stat().st_size for path in settings.output.rglob("*") if path.is_file())
    manifest = json.loads((settings.output / month / "manifest.json").read_bytes())
    return Figures(seconds, peak.mib, close_seconds, files_bytes, manifest["invoices"], manifest["exact"])


def show(arguments: argparse.Namespace, figures: Figures) -> None:
    """Print the figures."""
    closes = ", ".join(f"{seconds:.1f}" for seconds in figures.close_seconds)
    print(
        f"customers={arguments.customers} months={arguments.months} updates={arguments.updates}: "
        f"{figures.seconds:.1f} s in all, of which issuing {closes} s; "
        f"peak memory {figures.peak_mib:.0f} MiB; files {figures.files_bytes / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
