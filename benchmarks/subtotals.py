"""A topic of subtotals by the million, as a processor would have left it, and what it adds up to."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.bulk_producer import BulkProducer
from benchmarks.packed import Packed
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

TYPES = ("MESSAGE", "DATA", "CALL", "PACK", "MISC")
MONTH = "2026-01"
HOUR_MS = 1_767_225_600_000
PARTITIONS = 4
_CHUNK = 50_000


@dataclass(frozen=True)
class Subtotals:
    """What was written.

    Args:
        records: how many records.
        customers: how many customers, each in one partition.
        micros: the sum over all.
        count: the events over all.
    """

    records: int
    customers: int
    micros: int
    count: int


def sums_of(customer: int) -> dict[str, tuple[int, int]]:
    """Return what a customer has of each type: numbers that differ, from the customer's own."""
    spread = customer * 7_919 % 1_000_003
    return {name: (spread * (slot + 1) * 997 + customer, 1 + spread % 7) for slot, name in enumerate(TYPES)}


def name_of(customer: int) -> str:
    """Return a customer's name."""
    return f"customer-{customer:07d}"


Pair = tuple[bytes, bytes]


def pair_of(customer: int) -> Pair:
    """Return the record, key and value, of a customer."""
    key = CustomerMonthKey(customer % PARTITIONS, MONTH, name_of(customer))
    return encode_key(key), encode_sums(sums_of(customer))


class Totals:
    """What customers add up to, by partition and type."""

    def __init__(self) -> None:
        self._sums = [dict.fromkeys(TYPES, (0, 0)) for _ in range(PARTITIONS)]

    def add(self, customers: Iterable[int]) -> None:
        """Take customers in."""
        for customer in customers:
            sums = self._sums[customer % PARTITIONS]
            for name, (micros, count) in sums_of(customer).items():
                sums[name] = sums[name][0] + micros, sums[name][1] + count

    def whole(self) -> tuple[int, int]:
        """Return the micros and the count over all."""
        micros, count = (sum(pair[part] for sums in self._sums for pair in sums.values()) for part in (0, 1))
        return micros, count

    def ends(self) -> list[list[Pair]]:
        """Return the records of the hours and of the progress, for each partition."""
        return [_ends(partition, sums) for partition, sums in enumerate(self._sums)]


def produce(servers: str, topic: str, customers: int) -> Subtotals:
    """Write a record of each customer, then the hours and the progress of each partition."""
    totals = Totals()
    # In another order than that of their names.
    order = np.random.default_rng(1).permutation(customers)
    with BulkProducer(servers, topic) as producer:
        for first in range(0, customers, _CHUNK):
            chunk = order[first : first + _CHUNK]
            totals.add(chunk.tolist())
            _send(producer, [*map(pair_of, chunk.tolist())], (chunk % PARTITIONS).astype(np.int32))
    # Behind all customers of its partition, as in each commit.
    with BulkProducer(servers, topic) as producer:
        for partition, pairs in enumerate(totals.ends()):
            _send(producer, pairs, np.full(len(pairs), partition, np.int32))
    return Subtotals(customers + 2 * PARTITIONS, customers, *totals.whole())


def _send(producer: BulkProducer, pairs: list[Pair], partitions: NDArray[np.int32]) -> None:
    keys, values = zip(*pairs, strict=True)
    producer.send(Packed.of(values), Packed.of(keys), partitions)


def _ends(partition: int, sums: dict[str, tuple[int, int]]) -> list[Pair]:
    start_ms, hour = hour_block(HOUR_MS)
    micros, count = (sum(pair[part] for pair in sums.values()) for part in (0, 1))
    progress = Progress(count, HOUR_MS, count, micros)
    return [
        (encode_key(HourBlockKey(partition, start_ms)), encode_hours({hour: sums})),
        (encode_key(ProgressKey(partition)), encode_progress(progress)),
    ]
