"""Takes records from librdkafka and sums their events in the kernel, and nothing else: no State, no output, no commit.

``python -m benchmarks.summed SERVERS TOPIC PARTITIONS RECORDS WHAT``; prints the rate as JSON. What a processor that
reads through librdkafka cannot cost less than: with WHAT `unread` records are taken and let go, with `summed` they are
read and summed by customer, month and hour in memory.
"""

import json
import sys
from dataclasses import asdict

from benchmarks.bare import batch_of, beginnings, fast_consumer
from benchmarks.rate import Rate, rate_of
from billing.clock import SystemClock
from billing.event import EventRules
from billing.period import month_calendar
from billing.runtime.native.block import PartitionRecords
from billing.runtime.native.source import record_source
from processor.fold import FoldRules
from processor.reading import EventReader
from processor.sums_table import SumsTable

_CLIENT = "bench-summed"


class Summer:
    """Sums the events of records in memory.

    Args:
        partitions: how many input partitions there are.
    """

    def __init__(self, partitions: int) -> None:
        rules = FoldRules(EventRules(), month_calendar("UTC"), 0)
        self._reader = EventReader(rules.events)
        self._tables = [SumsTable(rules) for _ in range(partitions)]
        self._watermarks_ms = [-1] * partitions
        self._clock = SystemClock()
        self.events = 0
        """How many it has summed."""

    def add(self, records: PartitionRecords) -> None:
        """Add records of one partition."""
        rows = self._reader.read(records, self._clock.now_ms()).rows
        added = self._tables[records.partition].add(rows, self._watermarks_ms[records.partition])
        self._watermarks_ms[records.partition] = added.watermark_ms
        self.events += sum(added.accepted[1::2])


def read(servers: str, topic: str, partitions: int, records: int, sums: bool) -> Rate:
    """Take so many records of a topic from its beginning, sum them or not, and return the rate."""
    consumer = fast_consumer(servers, _CLIENT)
    source = record_source(consumer, consumer, _CLIENT, topic, batch_of(records), natively=True)
    if not source.is_native:
        raise SystemExit("records cannot be taken natively")
    source.forward(range(partitions))
    consumer.assign(beginnings(topic, partitions))
    summer = Summer(partitions)

    def take() -> int:
        block, _ = source.take(0.05)
        if sums:
            for part in block.by_partition():
                summer.add(part)
        taken = len(block)
        block.release()
        return taken

    rate = rate_of(take, records)
    source.close()
    consumer.close()
    if sums and summer.events != records:
        raise SystemExit(f"{summer.events} events were summed, not {records}")
    return rate


if __name__ == "__main__":
    servers, topic, partitions, records, what = sys.argv[1:]
    print(json.dumps(asdict(read(servers, topic, int(partitions), int(records), what == "summed"))))
