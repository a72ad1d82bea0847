"""Times GET /metrics against prometheus_client's own way: ``python -m benchmarks.metrics_rendering --series 10000``.

Both expose the same state: a month with so many customers, one series each, besides the types'. Stock is what a
program with labelled gauges does: ``Gauge.labels(...).set(...)`` was called for each series (not timed), and
``generate_latest(registry)`` runs at each scrape. Ours is timed in three cases: the first scrape ever, a scrape of a
state in which every total has moved (labels are remembered, numbers written anew), and a scrape of the same state
(the body is remembered). A third row times stock ``generate_latest`` over our own collector, which shows what
remembering brings without the difference in collecting. Times are medians of CPU time, so that a busy machine counts
less; without gzip, which costs both the same.
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from benchmarks.truth import InexactError
from billing.runtime.topic_reader import Record
from billing.settings import Settings
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    Progress,
    ProgressKey,
    SubtotalKey,
    encode_hours,
    encode_key,
    encode_progress,
    encode_sums,
    hour_block,
)
from billing.sums import total_micros
from exporter.metrics.collector import BillingCollector
from exporter.metrics.endpoint import Exposition
from exporter.model.input_ends import InputEnds
from exporter.model.read_model import ReadModel
from exporter.model.visible_delay import VisibleDelay
from exporter.web.context import Context
from exporter.web.own_metrics import OwnMetrics

STOCK = "stock: labelled gauges, generate_latest"
CHANGED = "ours, every total has moved"
UNCHANGED = "ours, the same state"
HOUR_MS = 1_767_225_600_000
MONTH = "2026-01"


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    figures = measure(arguments.series, arguments.rounds)
    for name, seconds in figures.items():
        print(f"{name:42} {seconds * 1_000:8.2f} ms   {figures[STOCK] / seconds:7.1f} x")


def measure(series: int, rounds: int) -> dict[str, float]:
    """Return the seconds of each way, by its name."""
    context = make_context(series)
    exposition = Exposition(context)
    gauges = make_gauges(series)
    collecting = CollectorRegistry()
    collecting.register(BillingCollector(context))
    move = mover(context, series)
    figures = {
        STOCK: timed(lambda: generate_latest(gauges), rounds),
        "stock generate_latest over our collector": timed(lambda: generate_latest(collecting), rounds),
        "ours, first scrape": timed(lambda: Exposition(context).body(openmetrics=False), rounds),
        CHANGED: timed(lambda: exposition.body(openmetrics=False), rounds, move),
        UNCHANGED: timed(lambda: exposition.body(openmetrics=False), rounds),
    }
    check(exposition.body(openmetrics=False), context)
    return figures


def check(body: bytes, context: Context) -> None:
    """Compare the customers' series with the month's total.

    Raises:
        InexactError: they do not add up to it.
    """
    lines = re.findall(rb"^billing_customer_subtotal_euros\{.*\} (.*)$", body, re.MULTILINE)
    micros = sum(round(float(number) * 1_000_000) for number in lines)
    with context.model.reading() as view:
        if micros != total_micros(view.month_sums(MONTH)):
            raise InexactError(f"the series add up to {micros} micros, not to {total_micros(view.month_sums(MONTH))}")


def timed(work: Callable[[], object], rounds: int, before: Callable[[], None] = lambda: None) -> float:
    """Return the median CPU seconds of some work."""
    seconds = []
    for _ in range(rounds):
        before()
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def make_context(customers: int) -> Context:
    """Return an exporter that shows so many customers one by one."""
    settings = Settings(customer_series_limit=customers, series_limit=10 * customers + 1_000)
    model = ReadModel(settings.types, settings.time_zone, settings.currency)
    model.apply(records(customers, number=1))
    model.caught_up()
    own = OwnMetrics(CollectorRegistry())
    return Context(settings, model, InputEnds, own, VisibleDelay(own.observe_delay))


def mover(context: Context, customers: int) -> Callable[[], None]:
    """Return what makes every total move."""
    number = 1

    def move() -> None:
        nonlocal number
        number += 1
        context.model.apply(records(customers, number))

    return move


def records(customers: int, number: int) -> list[Record]:
    """Return the records of the `number`-th commit: one more event for each customer."""
    values: list[tuple[SubtotalKey, bytes]] = []
    total = 0
    for customer in range(customers):
        micros = number * (customer * 1_234_567 + 10_000)
        total += micros
        key = CustomerMonthKey(0, MONTH, f"customer-{customer:07d}")
        values.append((key, encode_sums({"CALL": (micros, number)})))
    hours = {hour_block(HOUR_MS)[1]: {"CALL": (total, number * customers)}}
    values.append((HourBlockKey(0, hour_block(HOUR_MS)[0]), encode_hours(hours)))
    progress = Progress(number * customers, HOUR_MS, number * customers, total)
    values.append((ProgressKey(0), encode_progress(progress)))
    first = number * (customers + 2)
    return [Record(0, first + i, encode_key(key), value, 0) for i, (key, value) in enumerate(values)]


def make_gauges(customers: int) -> CollectorRegistry:
    """Return a registry with a gauge that has so many labelled children."""
    registry = CollectorRegistry()
    gauge = Gauge(
        "billing_customer_subtotal_euros", "Total of a month by customer", ("customer", "month"), registry=registry
    )
    for customer in range(customers):
        gauge.labels(f"customer-{customer:07d}", MONTH).set((customer * 1_234_567 + 10_000) / 1e6)
    return registry


if __name__ == "__main__":
    main()
