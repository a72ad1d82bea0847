"""What waits of one input partition between two commits: records to be read, and read events to be summed."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from processor.event_table import EventTable
from processor.fold import Fold, FoldRules, read_records, sum_events
from processor.rejected import RejectedRecord, rejected_record


class Gathered:
    """Records of one input partition, in offset order: first kept, then read, then folded once.

    Records are read some thousands at a time, while the processor's cache still holds them, and dropped. What they
    say waits as rows of a table, which cost a fraction, and is summed at once: the groups of a sum cost the same
    whatever its size.

    Args:
        rules: what the fold keeps to.

    `bytes` is the size of the records not read yet, `events` the number of events waiting to be summed, `rejected` the
    records that cannot be billed, with why, `seconds` how long reading and summing took.
    """

    def __init__(self, rules: FoldRules) -> None:
        self.bytes = 0
        self.events = 0
        self.records = 0
        self.next_offset = 0
        self.record_times_ms: list[int] = []
        self.rejected: list[RejectedRecord] = []
        self.seconds = 0.0
        self._rules = rules
        self._table = EventTable(rules.events)
        self._messages: list[Any] = []
        self._readings: list[pl.DataFrame] = []

    def add(self, messages: Sequence[Any]) -> None:
        """Keep records, at least one, that follow those kept before."""
        self._messages.extend(messages)
        # A message is as long as its value.
        self.bytes += sum(map(len, messages))

    def read(self, now_ms: int) -> None:
        """Read the records kept, and drop all but those that cannot be billed.

        Args:
            now_ms: the time against which future event times are measured.
        """
        messages, self._messages, self.bytes = self._messages, [], 0
        if not messages:
            return
        start = time.perf_counter()
        payloads = [message.value() for message in messages]
        reading = read_records(payloads, self._table, self._rules.events, now_ms)
        self._readings.append(reading.events)
        self.rejected += [rejected_record(messages[rejection.index], rejection) for rejection in reading.rejections]
        self.events += reading.events.height
        self.records += len(messages)
        self.next_offset = messages[-1].offset() + 1
        self.record_times_ms += [messages[0].timestamp()[1], messages[-1].timestamp()[1]]
        self.seconds += time.perf_counter() - start

    def fold(self, watermark_ms: int) -> Fold:
        """Return what the records read add to a partition whose highest event time is `watermark_ms`."""
        start = time.perf_counter()
        result = sum_events(self._readings, self._table, self._rules, watermark_ms)
        self.seconds += time.perf_counter() - start
        return replace(result, rejected=[record.rejection.reason for record in self.rejected])
