"""Keeps ids by hand, with nothing else to do: what counting each id once cannot cost less than.

``python -m benchmarks.ids_floor SERVERS FOLDER TOPIC PARTITIONS IDS SECONDS``; prints the rate as JSON. Ids are hashes
that are drawn before the time is taken. Each is entered into a table in memory, which is there before and is emptied
when it is full, and written as a part of a chunk as large as the processor's: to a topic, and to a RocksDB with the
options of State. So many ids are in each transaction.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.by_hand import bulk_producer, transaction
from benchmarks.floor import State
from benchmarks.rate import Rate
from billing.runtime.native.compiled import compiled
from billing.runtime.native.memory import address_of, prefetch
from billing.runtime.native.pages import zeros
from processor.id_chunks import chunk_key
from processor.id_table import IdLimits
from processor.kernel.ids import CHUNK, SLOT_BYTES

# Two numbers of a hash, and of what else a chunk holds of an id about as much as the processor's.
_HASH_BYTES, _MORE_BYTES = 16, 10
_FULL = 0.8
_AHEAD = 8
_CLIENT = "bench-ids-floor"


@compiled
def enter(slots: NDArray[np.int64], hashes: NDArray[np.int64]) -> None:
    """Put hashes, none of which is 0, into the next empty slot each."""
    mask, last = slots.shape[0] - 1, hashes.shape[0] - 1
    first = address_of(slots)
    for index in range(hashes.shape[0]):
        prefetch(first + SLOT_BYTES * (hashes[min(index + _AHEAD, last), 0] & mask))
        at = hashes[index, 0] & mask
        while slots[at] != 0:
            at = (at + 1) & mask
        slots[at] = hashes[index, 0]


class Table:
    """The slots of one partition's ids, as many as the processor has by default."""

    def __init__(self) -> None:
        self._slots = zeros(IdLimits().table_bytes // SLOT_BYTES)
        self._slots.fill(0)  # or the first to use a page would wait for it
        self._used = 0

    def enter(self, hashes: NDArray[np.int64]) -> None:
        """Enter hashes, into an empty table if they do not fit."""
        if self._used + len(hashes) > _FULL * len(self._slots):
            self._slots.fill(0)
            self._used = 0
        enter(self._slots, hashes)
        self._used += len(hashes)


def chunks(partition: int, first: int, hashes: NDArray[np.int64], more: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return keys and values of the chunks that hold hashes, the first one with that number."""
    starts = range(0, len(hashes), CHUNK)
    keys = [chunk_key(partition, 0, first + number) for number in range(len(starts))]
    return keys, [hashes[start : start + CHUNK].tobytes() + more for start in starts]


def main(servers: str, folder: str, topic: str, partitions: int, ids: int, seconds: float) -> Rate:
    """Keep ids for so long, and return the rate."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    producer, bulk = bulk_producer(servers, topic, _CLIENT)
    state, tables = State(Path(folder), partitions), [Table() for _ in range(partitions)]
    draw = np.random.default_rng(1)
    share, more = max(CHUNK, ids // partitions // CHUNK * CHUNK), draw.bytes(CHUNK * _MORE_BYTES)
    spent, cpu, kept, written = 0.0, 0.0, 0, 0
    while spent < seconds:
        drawn = [draw.integers(1, 1 << 62, (share, _HASH_BYTES // 8), np.int64) for _ in tables]
        began, began_cpu = time.monotonic(), time.process_time()
        records = []
        with transaction(producer):
            for partition, (table, hashes) in enumerate(zip(tables, drawn, strict=True)):
                table.enter(hashes)
                records.append(chunks(partition, written, hashes, more))
                bulk.produce(topic, partition, *records[-1])
        for keys, values in records:
            state.write(keys, values)
        spent += time.monotonic() - began
        cpu += time.process_time() - began_cpu
        kept, written = kept + share * partitions, written + share // CHUNK
    return Rate(kept / spent, cpu * 1e6 / kept)


if __name__ == "__main__":
    servers, folder, topic, partitions, ids, seconds = sys.argv[1:]
    print(json.dumps(asdict(main(servers, folder, topic, int(partitions), int(ids), float(seconds)))))
