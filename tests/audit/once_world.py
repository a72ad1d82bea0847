"""A deployment in memory whose events have ids, counted by the plain model of the rules."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from billing.event import BillableEvent, Reason, Void
from billing.runtime.topic_reader import Record
from billing.settings import load_settings
from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    Progress,
    ProgressKey,
    SumsKey,
    encode_changed,
    encode_key,
    encode_progress,
)
from billing.topic_rules import made_config
from billing.topics import topic_specs
from qb.audit.sources import AUDITED
from tests.audit.world import CALENDAR, PARTITIONS, Sums, World
from tests.once_histories import START_MS, Sent, payload_of
from tests.once_model import DAY_MS, OnceModel, Outcome

# After all of them.
WRITTEN_MS = START_MS + 1_000 * DAY_MS


class OnceWorld(World):
    """What the topics hold after a history.

    Args:
        history: what was sent, to two input partitions.
        window_days: the setting `dedup_window_days`.
        counted: how many records are counted when the audit looks first.
        keeps_duplicates: the setting `keep_duplicates`.
    """

    def __init__(
        self,
        history: Sequence[Sent],
        window_days: int = 2,
        counted: int | None = None,
        keeps_duplicates: bool = False,
    ) -> None:
        values = {"output": "no-such-folder", "dedup_window_days": window_days, "keep_duplicates": keeps_duplicates}
        self.settings = load_settings(values, {})
        self.history, self._window_days, self._keeps_duplicates = history, window_days, keeps_duplicates
        self.input = self._laid_out()
        self.input_starts = dict.fromkeys(range(PARTITIONS), 0)
        self.starts = {"ledger": 0, "subtotals": 0, "rejected": 0}
        self.topic_configs = {role: made_config(role, 1) for role in AUDITED if role in topic_specs(self.settings)}
        self.outcomes = self.decide()
        self.counted = len(history) if counted is None else counted
        self.rejected = self.rejections(len(history))
        self.subtotals = dict(self.count(self.counted))
        self.later_subtotals = []
        self.ledger = {}

    def _laid_out(self) -> list[Record]:
        ends, records = [0] * PARTITIONS, []
        for n, sent in enumerate(self.history):
            value = payload_of(sent.record, n)
            records.append(Record(sent.partition, ends[sent.partition], b"key", value, WRITTEN_MS))
            ends[sent.partition] += 1
        return records

    def decide(self) -> list[Outcome]:
        """What becomes of each record."""
        model = OnceModel(self._window_days)
        return [
            model.decide(record.partition, record.offset, sent.record)
            for record, sent in zip(self.input, self.history, strict=True)
        ]

    def rejections(self, count: int) -> list[Record]:
        """The rejected topic after the first `count` records."""
        found: list[Record] = []
        for record, outcome in zip(self.input[:count], self.outcomes, strict=False):
            if outcome.reason and (outcome.reason is not Reason.DUPLICATE or self._keeps_duplicates):
                found.append(rejection(record, outcome.reason, len(found)))
        return found

    def count(self, count: int) -> Mapping[bytes, bytes]:
        """The subtotals topic after the first `count` records."""
        sums: dict[SumsKey, dict[str, tuple[int, int]]] = defaultdict(lambda: defaultdict(lambda: (0, 0)))
        progress = [Progress() for _ in range(PARTITIONS)]
        for record, sent, outcome in zip(self.input[:count], self.history, self.outcomes, strict=False):
            told = replace(progress[record.partition], next_offset=record.offset + 1)
            progress[record.partition] = counted(told, sent.record, outcome)
            for event, sign in changes_of(outcome):
                for key in keys_of(record.partition, event):
                    micros, number = sums[key][event.type]
                    sums[key][event.type] = micros + sign * event.amount_micros, number + sign
        records = dict(encode_changed(sums, list(sums)))
        return records | {encode_key(ProgressKey(p)): encode_progress(told) for p, told in enumerate(progress)}

    def plant(self, position: int, outcome: Outcome) -> None:
        """Let the processor have erred about a record: the subtotals and the rejected records follow."""
        self.outcomes[position] = outcome
        self.rejected = self.rejections(len(self.history))
        self.subtotals = dict(self.count(self.counted))

    def totals(self, count: int) -> dict[str, dict[str, Sums]]:
        """Customer -> month -> sums by type, after the first `count` records."""
        totals: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(dict))
        for outcome in self.outcomes[:count]:
            for event, sign in changes_of(outcome):
                sums = totals[event.customer][CALENDAR.month_of(event.timestamp_ms)]
                micros, number = sums.get(event.type, (0, 0))
                sums[event.type] = (micros + sign * event.amount_micros, number + sign)
        return totals


def changes_of(outcome: Outcome) -> list[tuple[BillableEvent, int]]:
    """What an outcome adds (1) and takes back (-1)."""
    changes = ((outcome.adds, 1), (outcome.takes_back, -1))
    return [(event, sign) for event, sign in changes if event is not None]


def keys_of(partition: int, event: BillableEvent) -> tuple[SumsKey, SumsKey]:
    """What an event is counted under."""
    return (
        CustomerMonthKey(partition, CALENDAR.month_of(event.timestamp_ms), event.customer),
        HourKey(partition, CALENDAR.local.hour_start_ms(event.timestamp_ms)),
    )


def counted(told: Progress, record: BillableEvent | Void, outcome: Outcome) -> Progress:
    """The progress record after another record."""
    if outcome.reason is Reason.DUPLICATE:
        return replace(told, duplicates=told.duplicates + 1)
    if outcome.reason is not None:
        return replace(told, rejected=dict(Counter(told.rejected) + Counter([outcome.reason.value])))
    return replace(
        told,
        accepted=told.accepted + 1,
        accepted_micros=told.accepted_micros + sum(sign * one.amount_micros for one, sign in changes_of(outcome)),
        watermark_ms=max(told.watermark_ms, outcome.adds.timestamp_ms if outcome.adds else -1),
        voids=told.voids + isinstance(record, Void),
        replaces=told.replaces + (isinstance(record, BillableEvent) and bool(record.replaces)),
    )


def rejection(record: Record, reason: Reason, place: int) -> Record:
    """A record of the rejected topic."""
    return Record(0, place, record.key, record.value, WRITTEN_MS, (
        *record.headers,
        ("reason", reason.value.encode()),
        ("detail", b"because"),
        ("source-topic", b"billableevents.incoming"),
        ("source-partition", b"%d" % record.partition),
        ("source-offset", b"%d" % record.offset),
    ))  # fmt: skip
