"""The books of a made-up business: its sums, told as the records that the processor and the invoicer would write."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from billing.clock import SystemClock
from billing.invoice import MonthClose, make_invoice, not_billed
from billing.ledger import (
    BilledKey,
    CarriedKey,
    InvoiceKey,
    LedgerKey,
    MonthCloseKey,
    encode_carried,
    encode_close,
    encode_invoice,
)
from billing.ledger import encode_key as encode_ledger_key
from billing.period import month_calendar
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
from exporter.feeds.made_up import CUSTOMERS, PARTITIONS, Sale

# How often what has happened is told: as the processor's commit interval.
TICK_SECONDS = 0.5

_REJECTED_EACH = 150
_REPEATED_EACH = 200

Sums = dict[str, tuple[int, int]]


class MadeUpData:
    """Keeps the sums of a made-up business and tells them as records.

    Args:
        settings: time zone and currency.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calendar = month_calendar(settings.time_zone)
        self._sums: dict[SumsKey, Sums] = {}
        self._changed: set[SumsKey] = set()
        self._progress: defaultdict[int, Progress] = defaultdict(Progress)
        self._offset = 0
        self._ledger_offset = 0
        self._closed: set[str] = set()
        self._carried: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def sell(self, event_ms: int, sales: Iterable[Sale]) -> None:
        """Enter sales of an hour, the newest of which happened at `event_ms`."""
        month = self._calendar.month_of(event_ms)
        sold: defaultdict[int, list[Sale]] = defaultdict(list)
        for sale in sales:
            partition = sale.customer % PARTITIONS
            self._add(CustomerMonthKey(partition, month, CUSTOMERS[sale.customer]), sale)
            self._add(HourKey(partition, self._calendar.local.hour_start_ms(event_ms)), sale)
            sold[partition].append(sale)
        for partition, counted in sold.items():
            self._count(partition, event_ms, counted)

    def commit(self, now_ms: int) -> list[Record]:
        """Return the records of what has changed since the last time."""
        wall_ms = SystemClock().now_ms()
        pairs = list(encode_changed(self._sums, self._changed))
        for partition in sorted({key.partition for key in self._changed}):
            progress = replace(
                self._progress[partition],
                oldest_record_ms=wall_ms - int(TICK_SECONDS * 1_000),
                newest_record_ms=wall_ms,
                committed_ms=wall_ms,
            )
            pairs.append((encode_key(ProgressKey(partition)), encode_progress(progress)))
        self._changed.clear()
        first, self._offset = self._offset, self._offset + len(pairs)
        return [Record(0, first + i, key, value, now_ms) for i, (key, value) in enumerate(pairs)]

    def ends(self) -> dict[int, int]:
        """Return the ends of the input partitions: nothing waits."""
        return {partition: progress.next_offset for partition, progress in self._progress.items()}

    def open_months(self) -> list[str]:
        """Return the months that are not closed, oldest first."""
        months = {key.month for key in self._sums if isinstance(key, CustomerMonthKey)}
        return sorted(months - self._closed)

    def close(self, month: str, at_ms: int) -> list[Record]:
        """Return the records of a month's invoices and its month close."""
        self._closed.add(month)
        pairs: list[tuple[LedgerKey, bytes]] = []
        minor = micros = ordinal = 0
        for key in sorted((k for k in self._sums if isinstance(k, CustomerMonthKey)), key=lambda k: k.customer):
            if key.month != month:
                continue
            ordinal += 1
            to_bill = {month: not_billed(self._sums[key], {})}
            invoice, left = make_invoice(
                ordinal, key.customer, month, to_bill, self._carried[key.customer],
                currency=self._settings.currency, issued_at_ms=at_ms, offsets=self.ends(),
            )  # fmt: skip
            self._carried[key.customer] = left
            pairs.append((InvoiceKey(month, key.customer), encode_invoice(invoice)))
            pairs.append((BilledKey(month, key.customer), encode_sums(self._sums[key])))
            pairs.append((CarriedKey(key.customer), encode_carried(left)))
            minor, micros = minor + invoice.total_minor, micros + invoice.exact_micros
        month_close = MonthClose(month, self._settings.currency, at_ms, ordinal, minor, micros, self.ends())
        pairs.append((MonthCloseKey(month), encode_close(month_close)))
        first, self._ledger_offset = self._ledger_offset, self._ledger_offset + len(pairs)
        return [Record(0, first + i, encode_ledger_key(key), value, at_ms) for i, (key, value) in enumerate(pairs)]

    def _add(self, key: SumsKey, sale: Sale) -> None:
        sums = self._sums.setdefault(key, {})
        micros, count = sums.get(sale.type, (0, 0))
        sums[sale.type] = (micros + sale.micros, count + sale.count)
        self._changed.add(key)

    def _count(self, partition: int, event_ms: int, sales: list[Sale]) -> None:
        old = self._progress[partition]
        accepted = old.accepted + sum(sale.count for sale in sales)
        rejected, duplicates = accepted // _REJECTED_EACH, accepted // _REPEATED_EACH
        self._progress[partition] = Progress(
            next_offset=accepted + rejected + duplicates,
            watermark_ms=max(old.watermark_ms, event_ms),
            accepted=accepted,
            accepted_micros=old.accepted_micros + sum(sale.micros for sale in sales),
            rejected=_reasons(rejected),
            late=accepted // 1_000,
            duplicates=duplicates,
            instance="standalone",
            time_zone=self._settings.time_zone,
        )


def _reasons(rejected: int) -> dict[str, int]:
    malformed = rejected // 2
    unknown = (rejected - malformed) // 2
    counts = {"malformed": malformed, "unknown_type": unknown, "bad_amount": rejected - malformed - unknown}
    return {reason: count for reason, count in counts.items() if count}
