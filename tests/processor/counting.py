"""Counts payloads as the processor counts records: read by the kernel or exactly, added to a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.runtime.native.block import JoinedValues
from billing.sums import Sums, plus
from processor.fold import FoldRules
from processor.reading import EventReader, Reading, Rejection
from processor.sums_table import SumsTable


@dataclass
class Counted:
    """All that comes of some records."""

    watermark_ms: int
    customers: dict[tuple[str, str], Sums]
    hours: dict[int, Sums]
    accepted: Sums
    late: int
    rejections: list[Rejection]
    exact: int


def count(payloads: Sequence[bytes | None], rules: FoldRules, now_ms: int, watermark_ms: int = -1) -> Counted:
    """Count payloads that come as one batch."""
    return count_batches([payloads], rules, now_ms, watermark_ms)


def count_batches(
    batches: Sequence[Sequence[bytes | None]], rules: FoldRules, now_ms: int, watermark_ms: int = -1
) -> Counted:
    """Count payloads that come in some batches; positions are those in all of them."""
    reader, table = EventReader(rules.events), SumsTable(rules)
    result = Counted(watermark_ms, {}, {}, (), 0, [], 0)
    before = 0
    for batch in batches:
        records = JoinedValues(batch)  # kept: rows hold addresses in it
        reading = reader.read(records, now_ms)
        added = table.add(reading.rows, result.watermark_ms)
        result.watermark_ms, result.late = added.watermark_ms, result.late + added.late
        result.accepted = plus(result.accepted, added.accepted)
        result.rejections += [Rejection(before + r.position, r.reason, r.detail) for r in reading.rejections]
        result.exact += reading.exact
        before += len(batch)
    result.customers, result.hours = dict(table.by_customer()), dict(table.by_hour())
    return result


def read(payloads: Sequence[bytes | None], rules: FoldRules, now_ms: int) -> Reading:
    """Read payloads. The rows hold no addresses that may be used."""
    return EventReader(rules.events).read(JoinedValues(payloads), now_ms)
