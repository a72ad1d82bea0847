"""The invoicer on a real Kafka: subtotals as the processor would publish them, and what the ledger holds in the end."""

import argparse
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Timer

from confluent_kafka import Producer

from billing import ledger, subtotal
from billing.invoice import Invoice, MonthClose, invoice_number
from billing.ledger import BilledKey, InvoiceKey, MonthCloseKey
from billing.runtime.kafka import ensure_topics
from billing.settings import Settings
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, TypeSums
from tests.command import running
from tests.hanging import assert_nothing_hangs
from tests.invoicer import killable
from tests.whole_topic import read_whole

TIMEOUT_SECONDS = 120.0
PARTITIONS = 2

Event = tuple[int, int, str, str, str, int]
"""Input partition, event time (ms), month, customer, type, micros."""


@dataclass(frozen=True)
class Ledger:
    """What the invoices topic holds: committed records, the newest of each key; invoices in their order."""

    invoices: list[Invoice]
    closes: dict[str, MonthClose]
    billed: dict[BilledKey, TypeSums]


class KafkaWorld:
    """Events become subtotals, committed in transactions; the invoicer runs as a process of its own."""

    def __init__(self, servers: str, prefix: str, folder: Path, **more: object) -> None:
        self.folder = folder
        self.output = folder / "invoices"
        self.settings = Settings.model_validate(
            {
                "bootstrap_servers": servers,
                "input_topic": f"{prefix}incoming",
                "subtotals_topic": f"{prefix}subtotals",
                "rejected_topic": f"{prefix}rejected",
                "invoices_topic": f"{prefix}invoices",
                "input_partitions": PARTITIONS,
                "output": self.output,
                "idle_after_seconds": 0,
                "check_interval_seconds": 0.1,
                "close_chunk_invoices": 2,
                "invoicer_port": 0,
                **more,
            }
        )
        ensure_topics(self.settings, ("input", "subtotals", "invoices"))
        self.accepted_micros = 0
        self._sums: dict[CustomerMonthKey, dict[str, tuple[int, int]]] = defaultdict(dict)
        self._progress: dict[int, Progress] = {}
        self._producer = Producer(
            {"bootstrap.servers": servers, "transactional.id": f"{prefix}processor", "linger.ms": 5}
        )
        self._producer.init_transactions(TIMEOUT_SECONDS)
        self._input = Producer({"bootstrap.servers": servers, "linger.ms": 5})

    def commit(self, events: Iterable[Event]) -> None:
        """Write the events to the input, and then what they change to the subtotals, in one transaction."""
        changed: set[CustomerMonthKey] = set()
        for partition, timestamp_ms, month, customer, type_, micros in events:
            key = CustomerMonthKey(partition, month, customer)
            total, count = self._sums[key].get(type_, (0, 0))
            self._sums[key][type_] = (total + micros, count + 1)
            self.accepted_micros += micros
            self._count(partition, timestamp_ms, micros)
            changed.add(key)
        assert self._input.flush(TIMEOUT_SECONDS) == 0
        self._publish(changed)

    def publish_all(self) -> None:
        """Publish all sums, as a recount into a new subtotals topic would."""
        self._publish(self._sums)

    def _publish(self, changed: Iterable[CustomerMonthKey]) -> None:
        topic = self.settings.subtotals_topic
        self._producer.begin_transaction()
        for key in changed:
            self._producer.produce(topic, subtotal.encode_sums(self._sums[key]), subtotal.encode_key(key))
        for partition, progress in self._progress.items():
            key_bytes = subtotal.encode_key(ProgressKey(partition))
            self._producer.produce(topic, subtotal.encode_progress(progress), key_bytes)
        self._producer.commit_transaction(TIMEOUT_SECONDS)

    def arguments(self, *, month: str | None = None, now: bool = False, dry_run: bool = False) -> argparse.Namespace:
        """Return what the command line would hand over."""
        return argparse.Namespace(month=month, now=now, dry_run=dry_run)

    def invoicer(
        self, *arguments: str, kill_at: str = "", freeze_at: str = "", tear_at: str = ""
    ) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Run the invoicer as a process; it is killed at the end if it still runs.

        Args:
            arguments: flags of `qb invoice`.
            kill_at: a step and how often it must be reached, ``committed:2``: there it kills itself with SIGKILL.
            freeze_at: the same; there it stops until it gets SIGCONT.
            tear_at: ``commit|step:times`` or ``abort|step:times``: there a late message ends its transaction.
        """
        tear = f"{self.settings.bootstrap_servers}|{self.settings.invoices_topic}-invoicer|{tear_at}" if tear_at else ""
        variables = {killable.KILL_AT: kill_at, killable.FREEZE_AT: freeze_at, killable.TEAR_AT: tear}
        return running(self.settings, self.folder, "invoice", *arguments, module=killable.__name__, variables=variables)

    def run(self, *arguments: str, kill_at: str = "", tear_at: str = "") -> tuple[int, str]:
        """Run the invoicer to its end and return its exit code and what it said."""
        with self.invoicer(*arguments, kill_at=kill_at, tear_at=tear_at) as process:
            said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            return process.returncode, said

    def wait_until_frozen(self, process: "subprocess.Popen[str]") -> None:
        """Wait until the process has stopped itself."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while Path(f"/proc/{process.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] != "T":
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def read_until(self, process: "subprocess.Popen[str]", text: str, timeout_seconds: float = 60.0) -> str:
        """Read what an invoicer says until a line holds a text, and return it; it is not told again at the end."""
        assert process.stdout is not None
        lines: list[str] = []
        give_up = Timer(timeout_seconds, process.kill)
        give_up.start()
        try:
            for line in process.stdout:
                lines.append(line)
                if text in line:
                    return "".join(lines)
        finally:
            give_up.cancel()
        raise AssertionError(f"not said in {timeout_seconds} s: {text}\n{''.join(lines)}")

    def stop(self, process: "subprocess.Popen[str]") -> tuple[int, str]:
        """Ask an invoicer to stop and return its exit code and what it said."""
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        return process.returncode, said

    def ledger(self) -> Ledger:
        """Read the ledger to its end."""
        partitions = ensure_topics(self.settings, ("invoices",))["invoices"]
        found = Ledger([], {}, {})
        for record in read_whole(self.settings, self.settings.invoices_topic, partitions):
            assert record.key is not None
            assert record.value is not None
            match ledger.decode_key(record.key):
                case InvoiceKey():
                    found.invoices.append(ledger.decode_invoice(record.value))
                case MonthCloseKey(month):
                    assert month not in found.closes
                    found.closes[month] = ledger.decode_close(record.value)
                case BilledKey() as key:
                    found.billed[key] = subtotal.decode_sums(record.value)
        return found

    def wait_for(self, months: Iterable[str], timeout_seconds: float = TIMEOUT_SECONDS) -> Ledger:
        """Wait until the months are closed and return the ledger."""
        deadline = time.monotonic() + timeout_seconds
        wanted = set(months)
        while not wanted <= (found := self.ledger()).closes.keys():
            assert time.monotonic() < deadline, f"closed: {sorted(found.closes)}, wanted: {sorted(wanted)}"
            time.sleep(0.1)
        return found

    def check(self) -> Ledger:
        """Assert that no invoice is missing, none is there twice, and all numbers are; return the ledger."""
        found = self.ledger()
        assert len({(invoice.month, invoice.customer) for invoice in found.invoices}) == len(found.invoices)
        for month, group in groupby(found.invoices, key=lambda invoice: invoice.month):
            numbers = [invoice.number for invoice in group]
            assert numbers == [invoice_number(month, ordinal) for ordinal in range(1, len(numbers) + 1)]
            if month in found.closes:
                assert found.closes[month].invoices == len(numbers)
        assert sum(invoice.exact_micros for invoice in found.invoices) == _sum(found.billed.values())
        return found

    def check_all_billed(self) -> Ledger:
        """Assert, besides :meth:`check`, that every amount accepted is on an invoice and no transaction stays open."""
        found = self.check()
        assert_nothing_hangs(self.settings)
        assert _sum(found.billed.values()) == self.accepted_micros
        return found

    def _count(self, partition: int, timestamp_ms: int, micros: int) -> None:
        self._input.produce(self.settings.input_topic, b"-", partition=partition)
        before = self._progress.get(partition, Progress())
        self._progress[partition] = Progress(
            next_offset=before.next_offset + 1,
            watermark_ms=max(before.watermark_ms, timestamp_ms),
            accepted=before.accepted + 1,
            accepted_micros=before.accepted_micros + micros,
            committed_ms=time.time_ns() // 1_000_000,
        )


def _sum(sums: Iterable[Mapping[str, tuple[int, int]]]) -> int:
    return sum(micros for types in sums for micros, _ in types.values())
