"""A topic of subtotals by the million, as a processor would have left it, and what it adds up to."""

from dataclasses import dataclass

import numpy as np

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


def produce(servers: str, topic: str, customers: int) -> Subtotals:
    """Write a record of each customer, then the hours and the progress of each partition."""
    totals = [dict.fromkeys(TYPES, (0, 0)) for _ in range(PARTITIONS)]
    # In another order than that of their names.
    order = np.random.default_rng(1).permutation(customers)
    with BulkProducer(servers, topic) as producer:
        for first in range(0, customers, _CHUNK):
            keys, values = [], []
            for customer in order[first : first + _CHUNK].tolist():
                sums = sums_of(customer)
                keys.append(encode_key(CustomerMonthKey(customer % PARTITIONS, MONTH, name_of(customer))))
                values.append(encode_sums(sums))
                _add(totals[customer % PARTITIONS], sums)
            partitions = (order[first : first + _CHUNK] % PARTITIONS).astype(np.int32)
            producer.send(Packed.of(values), Packed.of(keys), partitions)
    # Behind all customers of its partition, as in each commit.
    with BulkProducer(servers, topic) as producer:
        for partition, (keys, values) in enumerate(map(_ends, range(PARTITIONS), totals)):
            producer.send(Packed.of(values), Packed.of(keys), np.full(len(keys), partition, np.int32))
    micros, count = (sum(pair[part] for sums in totals for pair in sums.values()) for part in (0, 1))
    return Subtotals(customers + 2 * PARTITIONS, customers, micros, count)


def _add(totals: dict[str, tuple[int, int]], sums: dict[str, tuple[int, int]]) -> None:
    for name, (micros, count) in sums.items():
        totals[name] = totals[name][0] + micros, totals[name][1] + count


def _ends(partition: int, sums: dict[str, tuple[int, int]]) -> tuple[list[bytes], list[bytes]]:
    start_ms, hour = hour_block(HOUR_MS)
    micros, count = (sum(pair[part] for pair in sums.values()) for part in (0, 1))
    progress = Progress(count, HOUR_MS, count, micros)
    return (
        [encode_key(HourBlockKey(partition, start_ms)), encode_key(ProgressKey(partition))],
        [encode_hours({hour: sums}), encode_progress(progress)],
    )
