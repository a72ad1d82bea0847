"""Writes subtotals by hand, as a commit writes them and with nothing else: what a commit cannot cost less than.

``python -m benchmarks.floor SERVERS FOLDER TOPIC PARTITIONS CUSTOMERS RECORDS SECONDS [INPUT]``; prints the rate as
JSON. Each transaction holds so many, of customers in random order: each is written to a RocksDB with the options of
State, and twice to the topic, once for the changelog. With 0 seconds each customer is written to RocksDB alone, once.
With an input a consumer reads that meanwhile and looks at nothing, for half a second between two transactions, so that
client and broker have as much to do during a commit as they have with a processor.
"""

import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from rocksdict import Rdict, WriteBatch

from benchmarks.by_hand import bulk_producer, transaction
from benchmarks.rate import Rate
from billing.subtotal import CustomerMonthKey, encode_key, encode_sums
from processor.state_log import write_unlogged
from processor.state_options import state_options

_MOST_IN_A_BATCH = 10_000
_CLIENT = "bench-floor"
_BUFFER_BYTES = 134_217_728
_READING_SECONDS, _BATCH = 0.5, 10_000


class Subtotals:
    """Subtotals of customers in random order.

    Args:
        customers: how many there are.
    """

    def __init__(self, customers: int) -> None:
        names = [f"customer-no-{number:06d}" for number in range(customers)]
        self._keys = [encode_key(CustomerMonthKey(0, "2024-01", name)) for name in names]
        self._random = random.Random(1)

    def draw(self, records: int) -> tuple[list[bytes], list[bytes]]:
        """Return keys and values of so many."""
        keys = self._random.choices(self._keys, k=records)
        total = self._random.randrange(10**9)
        value = encode_sums({"CALL": (total, 1), "DATA": (total, 2), "MISC": (total, 3)})
        return keys, [value] * records

    def all(self) -> tuple[list[bytes], list[bytes]]:
        """Return keys and values of all customers, once each, in random order."""
        _, values = self.draw(len(self._keys))
        return self._random.sample(self._keys, len(self._keys)), values


class State:
    """A RocksDB with the options of State, in a folder."""

    def __init__(self, folder: Path, partitions: int) -> None:
        options = state_options(_BUFFER_BYTES, partitions, folder).to_options()
        self._database = Rdict(str(folder / "floor"), options=options)
        write_unlogged(self._database)

    def write(self, keys: list[bytes], values: list[bytes]) -> None:
        """Write records in one step, sorted as a restore sorts them."""
        batch = WriteBatch(raw_mode=True)
        for key, value in sorted(zip(keys, values, strict=True)):
            batch.put(key, value)
        self._database.write(batch)


def write_once(folder: Path, partitions: int, customers: int) -> Rate:
    """Return the rate at which RocksDB takes each customer once."""
    (keys, values), state = Subtotals(customers).all(), State(folder, partitions)
    began, began_cpu = time.monotonic(), time.process_time()
    for start in range(0, customers, _MOST_IN_A_BATCH):
        state.write(keys[start : start + _MOST_IN_A_BATCH], values[start : start + _MOST_IN_A_BATCH])
    seconds, cpu = time.monotonic() - began, time.process_time() - began_cpu
    return Rate(customers / seconds, cpu * 1e6 / customers)


class Input:
    """What is read between transactions, from the beginning again where it ends.

    Args:
        servers: where it is.
        topic: which topic; empty: nothing is read.
        partitions: how many it has.
    """

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        options = {"bootstrap.servers": servers, "group.id": _CLIENT, "enable.partition.eof": True}
        self._consumer = Consumer({**options, "enable.auto.commit": False, "fetch.queue.backoff.ms": 10})
        if topic:
            places = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)]
            self._consumer.assign(places)
        self._reads = bool(topic)

    def read(self) -> None:
        """Read for a while."""
        until = time.monotonic() + _READING_SECONDS * self._reads
        while time.monotonic() < until:
            for message in self._consumer.consume(_BATCH, 0.05):
                if message.error():
                    self._consumer.seek(TopicPartition(message.topic(), message.partition(), OFFSET_BEGINNING))


def commit(
    servers: str,
    folder: Path,
    topic: str,
    partitions: int,
    customers: int,
    records: int,
    seconds: float,
    input_topic: str = "",
) -> Rate:
    """Return the rate of subtotals that are committed, so many in each transaction."""
    producer, bulk = bulk_producer(servers, topic, _CLIENT)
    subtotals, state = Subtotals(customers), State(folder, partitions)
    share, beside = max(1, records // partitions), Input(servers, input_topic, partitions)
    spent, cpu, written = 0.0, 0.0, 0
    while spent < seconds:
        parts = [subtotals.draw(share) for _ in range(partitions)]
        beside.read()
        began, began_cpu = time.monotonic(), time.process_time()
        with transaction(producer):
            for partition, (keys, values) in enumerate(parts):
                for _ in range(2):
                    bulk.produce(topic, partition, keys, values)
        for keys, values in parts:
            state.write(keys, values)
        spent += time.monotonic() - began
        cpu += time.process_time() - began_cpu
        written += share * partitions
    return Rate(written / spent, cpu * 1e6 / written)


def main(arguments: list[str]) -> Rate:
    """Measure what the command line asks for."""
    servers, folder, topic, *numbers = arguments
    partitions, customers, records = map(int, numbers[:3])
    seconds = float(numbers[3])
    Path(folder).mkdir(parents=True, exist_ok=True)
    if not seconds:
        return write_once(Path(folder), partitions, customers)
    return commit(servers, Path(folder), topic, partitions, customers, records, seconds, *numbers[4:])


if __name__ == "__main__":
    print(json.dumps(asdict(main(sys.argv[1:]))))
