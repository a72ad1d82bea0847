"""Lets the exporter's feed read a topic of subtotals whole, checks what it shows, and asks it for what takes longest.

``python -m benchmarks.catch_up CUSTOMERS MICROS COUNT``, with the settings of a deployment as variables; prints JSON.
"""

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from benchmarks.subtotals import MONTH, TYPES, name_of, sums_of
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings, load_settings
from billing.sums import event_count, total_micros
from exporter.feeds.kafka import TOPICS, KafkaFeed
from exporter.model.read_model import ReadModel
from exporter.model.state import State
from exporter.model.view import Sort, View
from exporter.model.warm import compile_kernels

_LOOKS_SECONDS = 0.002
_PATIENCE_SECONDS = 300.0
_SETTLING_SECONDS = 2.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class CaughtUp:
    """What it came to.

    Args:
        records_per_second: from the first record to the numbers being shown.
        cpu_micros: a record, all threads.
        bytes_per_customer: and month, without the names.
        name_bytes: a customer, for the name.
        top_ms: the first ten customers of one type, asked for the first time.
    """

    records_per_second: float
    cpu_micros: float
    bytes_per_customer: float
    name_bytes: float
    top_ms: float


def main() -> None:
    """Read, check and print."""
    customers, micros, count = map(int, sys.argv[1:])
    settings = load_settings({}, os.environ)
    compile_kernels()
    # What a feed takes whatever it reads is no customer's.
    nothing = {
        "subtotals_topic": f"{settings.subtotals_topic}.nothing",
        "invoices_topic": f"{settings.invoices_topic}.nothing",
    }
    with _feeding(settings.model_copy(update=nothing)) as model:
        _wait(model)
        before = _settled_bytes()
    with _feeding(settings) as model:
        seconds, cpu_seconds = _wait(model)
        records = model.records_read["subtotals"]
        taken = _settled_bytes() - before
        with model.reading() as view:
            _check(view, customers, micros, count)
            top_ms = _top_ms(view, customers)
            names = _name_bytes(view)
    result = CaughtUp(
        records / seconds, cpu_seconds * 1e6 / records, (taken - names) / customers, names / customers, top_ms
    )
    print(json.dumps(asdict(result)))


@contextmanager
def _feeding(settings: Settings) -> Iterator[ReadModel]:
    """Let a feed run while the block does."""
    model = ReadModel(settings.types, settings.time_zone, settings.currency)
    feed, stop = KafkaFeed(settings, model, TopicWatch(settings, TOPICS)), threading.Event()
    thread = threading.Thread(target=feed.run, args=(stop,), daemon=True)
    thread.start()
    yield model
    stop.set()
    thread.join()


def _settled_bytes() -> int:
    """Return the resident memory once the feed has given back what only reading needed."""
    time.sleep(_SETTLING_SECONDS)
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES


def _top_ms(view: View, customers: int) -> float:
    started = time.perf_counter()
    top = list(islice(view.ranked(MONTH, Sort.TOTAL, view.types.slot("CALL")), 10))
    top_ms = (time.perf_counter() - started) * 1_000
    _require(top == _expected_top(customers), "the first ten of one type")
    return top_ms


def _wait(model: ReadModel) -> tuple[float, float]:
    """Return the seconds from the first record to the last one being shown, and the CPU time meanwhile."""
    began: tuple[float, float] | None = None
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while model.state is not State.READY:
        _require(time.monotonic() < deadline, "it catches up in time")
        if began is None and model.records_read["subtotals"]:
            began = time.monotonic(), time.process_time()
        time.sleep(_LOOKS_SECONDS)
    if began is None:
        return 0.0, 0.0
    return time.monotonic() - began[0], time.process_time() - began[1]


def _check(view: View, customers: int, micros: int, count: int) -> None:
    sums = view.month_sums(MONTH)
    _require((total_micros(sums), event_count(sums)) == (micros, count), "the total")
    _require(view.active_customers(MONTH) == customers, "the number of customers")
    _require(not view.imbalance(), "the books agree")
    for customer in range(0, customers, max(1, customers // 1_000)):
        found = view.customer(name_of(customer), MONTH)
        _require(found is not None and view.types.unpack(found) == sums_of(customer), name_of(customer))


def _name_bytes(view: View) -> int:
    """Return what the names take; what is only reserved was never touched."""
    arrays, count = view.cube.all_names.arrays, len(view.cube.all_names)
    return int(arrays.starts[count]) + arrays.starts.itemsize * count + arrays.slots.nbytes


def _expected_top(customers: int) -> list[str]:
    slot = TYPES.index("CALL")
    entries = [(-list(sums_of(customer).values())[slot][0], name_of(customer)) for customer in range(customers)]
    return [name for _, name in sorted(entries)[:10]]


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"not so: {what}")


if __name__ == "__main__":
    main()
