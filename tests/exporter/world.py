"""A deployment in memory: what the processor and the invoicer would write, and an exporter that reads it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from billing.invoice import Invoice, MonthClose, make_invoice, not_billed
from billing.ledger import (
    BilledKey,
    CarriedKey,
    InvoiceKey,
    MonthCloseKey,
    encode_carried,
    encode_close,
    encode_invoice,
)
from billing.ledger import encode_key as encode_ledger_key
from billing.period import month_calendar
from billing.runtime.access.gate import Gate
from billing.runtime.topic_reader import Record
from billing.settings import Settings
from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    Progress,
    ProgressKey,
    SumsKey,
    encode_changed,
    encode_key,
    encode_progress,
    encode_sums,
)
from exporter.application import create_app
from exporter.model.input_ends import InputEnds
from exporter.model.input_pages import InputPages
from exporter.model.read_model import ReadModel
from exporter.model.visible_delay import VisibleDelay
from exporter.web.context import Context
from exporter.web.own_metrics import OwnMetrics
from tests.exporter.client import Client, serve

CHARLIE_S = 1_488_142_855
CHARLIE_MS = CHARLIE_S * 1_000
FEBRUARY_MS = 1_485_907_200_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class ManualClock:
    """Seconds of a monotonic clock that only moves by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class CommittedSums:
    """Absolute sums as the processor keeps them, one input partition at a time."""

    zone: str = "UTC"
    sums: dict[SumsKey, dict[str, tuple[int, int]]] = field(default_factory=dict)
    progress: defaultdict[int, Progress] = field(default_factory=lambda: defaultdict(Progress))
    changed: set[SumsKey] = field(default_factory=set)
    changed_progress: set[int] = field(default_factory=set)
    offset: int = 0

    def event(
        self,
        customer: str,
        micros: int,
        type_: str = "MISC",
        at_ms: int = CHARLIE_MS,
        partition: int = 0,
        count: int = 1,
    ) -> None:
        """Accept events that happened at one time."""
        calendar = month_calendar(self.zone)
        month = calendar.month_of(at_ms)
        keys: tuple[SumsKey, ...] = (
            CustomerMonthKey(partition, month, customer),
            HourKey(partition, calendar.local.hour_start_ms(at_ms)),
        )
        for key in keys:
            total, number = self.sums.setdefault(key, {}).get(type_, (0, 0))
            self.sums[key][type_] = (total + micros, number + count)
            self.changed.add(key)
        old = self.progress[partition]
        self.progress[partition] = replace(
            old,
            next_offset=old.next_offset + count,
            watermark_ms=max(old.watermark_ms, at_ms),
            accepted=old.accepted + count,
            accepted_micros=old.accepted_micros + micros,
            oldest_record_ms=at_ms,
            newest_record_ms=at_ms,
            committed_ms=at_ms + 1_200,
            instance="test",
            time_zone=self.zone,
        )
        self.changed_progress.add(partition)

    def void(
        self, customer: str, micros: int, type_: str = "MISC", at_ms: int = CHARLIE_MS, partition: int = 0
    ) -> None:
        """Take back one event that was accepted like this; a type that has none left is left out, as it is written."""
        before = self.progress[partition]
        self.event(customer, -micros, type_, at_ms, partition, count=-1)
        for key in self.changed:
            self.sums[key] = {name: pair for name, pair in self.sums[key].items() if any(pair)}
        self.progress[partition] = replace(
            before,
            next_offset=before.next_offset + 1,
            accepted=before.accepted + 1,
            accepted_micros=before.accepted_micros - micros,
            voids=before.voids + 1,
        )

    def duplicate(self, partition: int = 0) -> None:
        """Read a record that repeats an id."""
        old = self.progress[partition]
        self.progress[partition] = replace(old, next_offset=old.next_offset + 1, duplicates=old.duplicates + 1)
        self.changed_progress.add(partition)

    def reject(self, reason: str, partition: int = 0, count: int = 1) -> None:
        """Reject records."""
        old = self.progress[partition]
        rejected = {**old.rejected, reason: old.rejected.get(reason, 0) + count}
        self.progress[partition] = replace(old, rejected=rejected, next_offset=old.next_offset + count)
        self.changed_progress.add(partition)

    def commit(self) -> list[Record]:
        """Return the records of a commit, progress last."""
        progress = sorted(self.changed_progress)
        told = [*encode_changed(self.sums, sorted(self.changed, key=repr))]
        told += [(encode_key(ProgressKey(p)), encode_progress(self.progress[p])) for p in progress]
        self.changed.clear()
        self.changed_progress.clear()
        first, self.offset = self.offset, self.offset + len(told)
        return [Record(0, first + i, key, value, CHARLIE_MS) for i, (key, value) in enumerate(told)]


class World:
    """An exporter's read model, and the records it is fed with.

    Args:
        settings: of the deployment, besides the defaults.
        standalone: whether the data counts as made up.
        input_pages: reads customers' events.
        gate: finds out who asks.
    """

    def __init__(
        self,
        standalone: bool = False,
        input_pages: InputPages | None = None,
        gate: Gate | None = None,
        **settings: Any,
    ) -> None:
        self.settings = Settings(**settings)
        self.clock = ManualClock()
        self.committed = CommittedSums(self.settings.time_zone)
        self.model = ReadModel(self.settings.types, self.settings.time_zone, self.settings.currency, clock=self.clock)
        self.ends = InputEnds(True, "a broker answers", {})
        own = OwnMetrics(CollectorRegistry())
        self.context = Context(
            self.settings, self.model, lambda: self.ends, own, VisibleDelay(own.observe_delay), standalone,
            input_pages=input_pages, gate=gate or Gate(),
        )  # fmt: skip
        self._ledger_offset = 0
        self._billed: dict[CustomerMonthKey, dict[str, tuple[int, int]]] = {}
        self._carried: dict[str, dict[str, int]] = {}

    def event(self, customer: str, micros: int, type_: str = "MISC", at_ms: int = CHARLIE_MS, **more: int) -> None:
        """Accept an event; it shows with the next commit."""
        self.committed.event(customer, micros, type_, at_ms, **more)

    def void(self, customer: str, micros: int, type_: str = "MISC", at_ms: int = CHARLIE_MS, **more: int) -> None:
        """Take an event back that was accepted like this; it shows with the next commit."""
        self.committed.void(customer, micros, type_, at_ms, **more)

    def commit(self) -> None:
        """Let what has happened be read."""
        self.model.apply(self.committed.commit())

    def ready(self) -> "World":
        """Let what has happened be read, and the topics be read to their ends."""
        self.commit()
        self.model.caught_up()
        return self

    def close(self, month: str, at_ms: int) -> list[Invoice]:
        """Issue the invoices of a month: what is not billed yet up to its end, for whoever has any of it."""
        usages = [key for key in self.committed.sums if isinstance(key, CustomerMonthKey) and key.month <= month]
        pairs: list[tuple[bytes, bytes]] = []
        invoices: list[Invoice] = []
        for customer in sorted({key.customer for key in usages}):
            to_bill: dict[str, Mapping[str, tuple[int, int]]] = {}
            for key in usages:
                billed = self._billed.get(CustomerMonthKey(0, key.month, customer), {})
                if key.customer == customer and (new := not_billed(self.committed.sums[key], billed)):
                    to_bill[key.month] = new
                    self._billed[CustomerMonthKey(0, key.month, customer)] = dict(self.committed.sums[key])
            if not to_bill:
                continue
            invoice, left = make_invoice(
                len(invoices) + 1, customer, month, to_bill, self._carried.get(customer, {}),
                currency=self.settings.currency, issued_at_ms=at_ms, offsets={0: 1},
            )  # fmt: skip
            self._carried[customer] = left
            invoices.append(invoice)
            pairs.append((encode_ledger_key(InvoiceKey(month, customer)), encode_invoice(invoice)))
            for usage in to_bill:
                billed_sums = encode_sums(self._billed[CustomerMonthKey(0, usage, customer)])
                pairs.append((encode_ledger_key(BilledKey(usage, customer)), billed_sums))
            pairs.append((encode_ledger_key(CarriedKey(customer)), encode_carried(left)))
        cents, micros = sum(one.total_minor for one in invoices), sum(one.exact_micros for one in invoices)
        month_close = MonthClose(month, self.settings.currency, at_ms, len(invoices), cents, micros, {0: 1})
        pairs.append((encode_ledger_key(MonthCloseKey(month)), encode_close(month_close)))
        self.model.apply_invoices([self._ledger_record(key, value) for key, value in pairs])
        return invoices

    def app(self) -> web.Application:
        """Return the application that serves this."""
        return create_app(self.context)

    @contextmanager
    def served(self) -> Iterator[Client]:
        """Serve this, for as long as the block runs."""
        with serve(self.app) as client:
            yield client

    def _ledger_record(self, key: bytes, value: bytes) -> Record:
        self._ledger_offset += 1
        return Record(0, self._ledger_offset - 1, key, value, CHARLIE_MS)


def charlie() -> World:
    """Return the deployment that has counted the line ``1488142855,Charlie,199.99`` and nothing else."""
    world = World()
    world.event("Charlie", 199_990_000)
    return world.ready()


def two_months(**settings: Any) -> World:
    """Return a deployment with a closed January and an open February, three customers and several types."""
    world = World(**settings)
    january_ms = FEBRUARY_MS - 20 * DAY_MS
    for day in range(3):
        at_ms = FEBRUARY_MS + day * DAY_MS + 5 * HOUR_MS
        world.event("Alice", 1_500_000, "CALL", at_ms, partition=0)
        world.event("Bob", 20_000_001, "DATA", at_ms + HOUR_MS, partition=1)
        world.event("Alice", 2_250_000, "DATA", at_ms + HOUR_MS, partition=1)
    world.event("Charlie", 199_990_000, "MISC", FEBRUARY_MS + 2 * DAY_MS, partition=0)
    world.event("Charlie", -10_000_000, "MISC", FEBRUARY_MS + 2 * DAY_MS, partition=1)
    world.event("Alice", 8_000_000, "CALL", january_ms, partition=0)
    world.event("Bob", 5_000_005, "DATA", january_ms + DAY_MS, partition=1)
    world.committed.reject("malformed", count=2)
    world.committed.reject("bad_amount", partition=1)
    world.ready()
    world.close("2017-01", FEBRUARY_MS + DAY_MS)
    return world
