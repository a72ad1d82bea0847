"""A small deployment made up in memory: what its topics hold when everything is right, for tests to tamper with."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from billing.invoice import Closing, Invoice, MonthClose, make_invoice
from billing.ledger import (
    BilledKey,
    CarriedKey,
    ClosingKey,
    InvoiceKey,
    MonthCloseKey,
    encode_carried,
    encode_close,
    encode_closing,
    encode_invoice,
)
from billing.ledger import encode_key as encode_ledger_key
from billing.period import month_calendar
from billing.runtime.topic_reader import Record
from billing.settings import Settings, load_settings
from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    Progress,
    ProgressKey,
    SumsKey,
    decode_progress,
    encode_changed,
    encode_key,
    encode_progress,
    encode_sums,
)
from billing.topic_rules import Around, TopicFinding, TopicState, judge_topic, made_config
from billing.topics import topic_specs
from generator.clock import SteppingClock
from generator.events import EventMix, GeneratedEvent, generate_events
from qb.audit.audit import Audit
from qb.audit.findings import Findings
from qb.audit.scratch import scratch_database
from qb.audit.sources import AUDITED

PARTITIONS = 2
WRITTEN_MS = 1_496_275_200_000  # 2017-06-01, after all of them
CALENDAR = month_calendar("UTC")

Sums = dict[str, tuple[int, int]]


class FakeTopic:
    """Yields what it holds once, then what arrives between two calls."""

    def __init__(self, start: int, records: list[Record], *later: list[Record]) -> None:
        self._steps = iter([records, *later])
        self._start = start

    def starts(self) -> dict[int, int]:
        return {0: self._start}

    def to_now(self) -> Iterator[list[Record]]:
        yield next(self._steps, [])


class World:
    """Generated events, counted by plain loops into the records that the parts would write.

    Args:
        count: how many events there are, over four months from 2017-01 on.
        counted: how many of them are counted when the audit looks first.
    """

    def __init__(self, count: int = 1_200, counted: int | None = None) -> None:
        self.settings: Settings = load_settings({"output": "no-such-folder"}, {})
        clock = SteppingClock(1_483_228_800_000, 4 * 30 * 86_400_000 / count)
        mix = EventMix(malformed_share=0.05, credit_share=0.1, late_share=0.1)
        self.events: list[GeneratedEvent] = list(islice(generate_events(mix, 7, clock), count))
        self.input = [
            Record(n % PARTITIONS, n // PARTITIONS, event.key, event.payload, WRITTEN_MS, (("trace", b"%d" % n),))
            for n, event in enumerate(self.events)
        ]
        self.input_starts = dict.fromkeys(range(PARTITIONS), 0)
        self.starts = {"ledger": 0, "subtotals": 0, "rejected": 0}
        self.topic_configs = {role: made_config(role, 1) for role in AUDITED if role in topic_specs(self.settings)}
        self.counted = count if counted is None else counted
        self.rejected = self.rejections(self.counted)
        self.subtotals: dict[bytes, bytes | None] = dict(self.count(self.counted))
        self.later_subtotals: list[dict[bytes, bytes | None]] = []
        self.ledger: dict[bytes, bytes | None] = {}

    def rejections(self, count: int) -> list[Record]:
        """The rejected topic after the first `count` events."""
        return [
            Record(0, place, record.key, record.value, WRITTEN_MS, (
                *record.headers,
                ("reason", str(event.reason).encode()),
                ("detail", b"because"),
                ("source-topic", b"billableevents.incoming"),
                ("source-partition", b"%d" % record.partition),
                ("source-offset", b"%d" % record.offset),
            ))
            for place, (record, event) in enumerate(
                (record, event) for record, event in zip(self.input[:count], self.events, strict=False) if event.reason
            )
        ]  # fmt: skip

    def count(self, count: int) -> Mapping[bytes, bytes]:
        """The subtotals topic after the first `count` events."""
        sums: dict[SumsKey, dict[str, tuple[int, int]]] = defaultdict(lambda: defaultdict(lambda: (0, 0)))
        progress = [Progress() for _ in range(PARTITIONS)]
        for record, generated in zip(self.input[:count], self.events, strict=False):
            told = progress[record.partition]
            told = replace(told, next_offset=record.offset + 1)
            if (event := generated.expected) is None:
                rejected = {**told.rejected, str(generated.reason): told.rejected.get(str(generated.reason), 0) + 1}
                told = replace(told, rejected=rejected)
            else:
                keys: tuple[SumsKey, ...] = (
                    CustomerMonthKey(record.partition, CALENDAR.month_of(event.timestamp_ms), event.customer),
                    HourKey(record.partition, CALENDAR.local.hour_start_ms(event.timestamp_ms)),
                )
                for key in keys:
                    micros, number = sums[key][event.type]
                    sums[key][event.type] = micros + event.amount_micros, number + 1
                told = replace(
                    told,
                    accepted=told.accepted + 1,
                    accepted_micros=told.accepted_micros + event.amount_micros,
                    watermark_ms=max(told.watermark_ms, event.timestamp_ms),
                )
            progress[record.partition] = told
        records = dict(encode_changed(sums, list(sums)))
        return records | {encode_key(ProgressKey(p)): encode_progress(told) for p, told in enumerate(progress)}

    def totals(self, count: int) -> dict[str, dict[str, Sums]]:
        """Customer -> month -> sums by type, of the first `count` events."""
        totals: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(dict))
        for generated in self.events[:count]:
            if event := generated.expected:
                sums = totals[event.customer][CALENDAR.month_of(event.timestamp_ms)]
                micros, number = sums.get(event.type, (0, 0))
                sums[event.type] = (micros + event.amount_micros, number + 1)
        return totals

    def close(self, month: str, count: int, *, closed: bool = True) -> list[Invoice]:
        """Write the invoices of a month, which know of the first `count` events; return them."""
        billed: dict[str, dict[str, Sums]] = getattr(self, "_billed", defaultdict(lambda: defaultdict(dict)))
        carried: dict[str, dict[str, int]] = getattr(self, "_carried", defaultdict(dict))
        self._billed, self._carried = billed, carried
        offsets = {p: sum(record.partition == p for record in self.input[:count]) for p in range(PARTITIONS)}
        invoices: list[Invoice] = []
        closing = Closing(month)
        for customer, months in sorted(self.totals(count).items()):
            to_bill: dict[str, Sums] = {}
            for usage_month, sums in months.items():
                done = billed[customer][usage_month]
                rest = {
                    type_: (micros - done.get(type_, (0, 0))[0], number - done.get(type_, (0, 0))[1])
                    for type_, (micros, number) in sums.items()
                    if (micros, number) != done.get(type_, (0, 0))
                }
                if usage_month <= month and rest:
                    to_bill[usage_month] = rest
                    billed[customer][usage_month] = sums
                    self.ledger[encode_ledger_key(BilledKey(usage_month, customer))] = encode_sums(sums)
            if not to_bill:
                continue
            invoice, left = make_invoice(
                len(invoices) + 1, customer, month, to_bill, carried[customer],
                currency="EUR", issued_at_ms=WRITTEN_MS, offsets=offsets,
            )  # fmt: skip
            carried[customer] = left
            closing = closing.after(invoice)
            invoices.append(invoice)
            self.ledger[encode_ledger_key(InvoiceKey(month, customer))] = encode_invoice(invoice)
            self.ledger[encode_ledger_key(CarriedKey(customer))] = encode_carried(left)
            self.ledger[encode_ledger_key(ClosingKey(month))] = encode_closing(closing)
        if closed:
            close = MonthClose(
                month, "EUR", WRITTEN_MS, len(invoices), closing.total_minor, closing.exact_micros, offsets
            )
            self.ledger[encode_ledger_key(MonthCloseKey(month))] = encode_close(close)
        return invoices

    def change_progress(self, partition: int, **fields: object) -> None:
        """Change fields of a progress record."""
        key = encode_key(ProgressKey(partition))
        value = self.subtotals[key]
        assert value is not None
        self.subtotals[key] = encode_progress(replace(decode_progress(value), **fields))  # type: ignore[arg-type]

    def audit(self) -> Findings:
        """Audit what the topics hold now."""
        with scratch_database() as database:
            return Audit(self.settings, FakeSources(self), database, Findings()).run()


class FakeSources:
    """The topics of a world, as an audit reads them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ledger = FakeTopic(world.starts["ledger"], _records(world.ledger))
        self.subtotals = FakeTopic(
            world.starts["subtotals"], _records(world.subtotals), *(_records(step) for step in world.later_subtotals)
        )
        self.rejected = FakeTopic(world.starts["rejected"], world.rejected)

    def topic_findings(self) -> list[TopicFinding]:
        specs, around = topic_specs(self._world.settings), Around(brokers=1, replication_factor=1)
        configs = self._world.topic_configs.items()
        states = [(role, TopicState(specs[role].name, 1, 1, config)) for role, config in configs]
        return [finding for role, state in states for finding in judge_topic(role, state, around)]

    def input_starts(self) -> dict[int, int]:
        return dict(self._world.input_starts)

    def input_ends(self) -> dict[int, int]:
        return {
            p: max((r.offset + 1 for r in self._world.input if r.partition == p), default=0) for p in range(PARTITIONS)
        }

    def input(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[list[Record]]:
        yield [record for record in self._world.input if record.offset >= starts.get(record.partition, 0)]


def _records(topic: Mapping[bytes, bytes | None]) -> list[Record]:
    return [Record(0, offset, key, value, WRITTEN_MS) for offset, (key, value) in enumerate(topic.items())]
