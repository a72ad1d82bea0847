"""Times the exporter's read model: ``python -m benchmarks.read_model --customers 1000000``.

Without Kafka: records of as many customers are made, three types each, and applied as they would be after reading
them from the topic. Prints how fast it catches up, what a customer costs in memory, and how long the answers of a
model of that size take: the first (which sorts everybody once) and the following ones, while totals move. Times are
CPU times.
"""

import argparse
import gc
import random
import resource
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from billing.runtime.topic_reader import Record
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    Progress,
    ProgressKey,
    encode_hours,
    encode_key,
    encode_progress,
    encode_sums,
    hour_block,
)
from exporter.model.read_model import ReadModel
from exporter.model.view import Sort

TYPES = ("MESSAGE", "DATA", "CALL", "PACK", "MISC")
HOUR_MS = 1_767_225_600_000
MONTH = "2026-01"
PARTITIONS = 4
BATCH = 10_000


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, default=10_000, help="customers that change in a commit")
    arguments = parser.parse_args()
    model, maker = ReadModel(TYPES, "UTC", "EUR"), RecordMaker()
    memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = 0.0
    for batch in maker.fill(arguments.customers):
        seconds += timed(partial(model.apply, batch))
    model.caught_up()
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before) * 1_024
    gc.freeze()
    print(f"{arguments.customers} customers, state {model.state}")
    print(f"catch-up: {arguments.customers / seconds:,.0f} records/s, {seconds:.1f} s, {memory / 1e6:.0f} MB more")
    show("top 10, first time", lambda: top(model))
    show("top 10 again", lambda: top(model))
    show("prefix, first time", lambda: prefix(model))
    show("prefix again", lambda: prefix(model))
    changes = maker.change(arguments.changes, arguments.customers)
    show(f"a commit that changes {arguments.changes}", lambda: model.apply(changes))
    show("top 10 after it", lambda: top(model))
    show("page 1,000 deep after it", lambda: top(model, 100_000))


def show(name: str, work: Callable[[], object]) -> None:
    """Time some work and print it."""
    print(f"{name:32} {timed(work) * 1_000:10.2f} ms")


def timed(work: Callable[[], object]) -> float:
    """Return the CPU seconds that some work takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def top(model: ReadModel, skip: int = 0) -> list[str]:
    """Return ten customers, highest first, behind the first `skip`."""
    with model.reading() as view:
        return list(islice(view.ranked(MONTH, Sort.TOTAL), skip, skip + 10))


def prefix(model: ReadModel) -> list[str]:
    """Return ten customers whose names begin alike."""
    with model.reading() as view:
        return list(islice(view.named("customer-0001", MONTH), 10))


class RecordMaker:
    """Makes records whose books agree."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._offset = 0
        self._sums: dict[int, dict[str, tuple[int, int]]] = {}
        self._hours = [dict.fromkeys(TYPES, (0, 0)) for _ in range(PARTITIONS)]

    def fill(self, customers: int) -> Iterator[list[Record]]:
        """Yield batches of records, one for each customer, and at the end those that tell their sums."""
        for first in range(0, customers, BATCH):
            yield [self._change(customer) for customer in range(first, min(first + BATCH, customers))]
        yield self._ends()

    def change(self, number: int, customers: int) -> list[Record]:
        """Return the records of a commit that changes so many customers."""
        changed = [self._change(customer) for customer in self._random.sample(range(customers), number)]
        return changed + self._ends()

    def _change(self, customer: int) -> Record:
        partition = customer % PARTITIONS
        sums, hours = self._sums.setdefault(customer, {}), self._hours[partition]
        for name in self._random.sample(TYPES, 3):
            micros = self._random.randrange(10**8)
            sums[name] = _plus(sums.get(name, (0, 0)), micros)
            hours[name] = _plus(hours[name], micros)
        return self._record(
            encode_key(CustomerMonthKey(partition, MONTH, f"customer-{customer:07d}")), encode_sums(sums)
        )

    def _ends(self) -> list[Record]:
        records = []
        for partition, sums in enumerate(self._hours):
            count = sum(number for _, number in sums.values())
            total = sum(micros for micros, _ in sums.values())
            start_ms, hour = hour_block(HOUR_MS)
            records.append(self._record(encode_key(HourBlockKey(partition, start_ms)), encode_hours({hour: sums})))
            progress = Progress(count, HOUR_MS, count, total)
            records.append(self._record(encode_key(ProgressKey(partition)), encode_progress(progress)))
        return records

    def _record(self, key: bytes, value: bytes) -> Record:
        self._offset += 1
        return Record(0, self._offset, key, value, 0)


def _plus(sums: tuple[int, int], micros: int) -> tuple[int, int]:
    return sums[0] + micros, sums[1] + 1


if __name__ == "__main__":
    main()
