"""The exporter: how fast it reads, what it holds, how soon it answers, and what a scrape costs."""

import json
import sys

from benchmarks import metrics_rendering
from benchmarks.catch_up import CaughtUp
from benchmarks.child import Child, ChildError
from benchmarks.figures import Figure, Outcome, at_least, at_most, bars
from benchmarks.runs import run_bare, wait_for
from benchmarks.stage import Stage
from benchmarks.subtotals import PARTITIONS, Subtotals, produce

_LEAST_CUSTOMERS = 250_000


def catch_up(stage: Stage) -> Outcome:
    """The exporter reading the subtotals of a million customers, against a consumer that does nothing with them."""
    name = stage.new_name("catch-up")
    environment = stage.environment(name, f"{name}.incoming", PARTITIONS)
    topic = environment["QB_SUBTOTALS_TOPIC"]
    # A bare consumer tells no rate of fewer records.
    written = produce(stage.servers, topic, max(stage.sizes.customers, _LEAST_CUSTOMERS))
    bare = run_bare(stage, topic, PARTITIONS, written.records)
    ours = _run(stage, environment, written)
    figures = [
        Figure("catching up", "bare*", ours.records_per_second / bare.events_per_second, at_least(0.4)),
        Figure("records per second", "", ours.records_per_second, at_least(500_000), "/s"),
        Figure("memory per customer and month, without names", "", ours.bytes_per_customer, at_most(120), "bytes"),
        Figure("first top 10 of one type", "", ours.top_ms, at_most(100), "ms"),
    ]
    details = (
        f"bare*: {bare.events_per_second:,.0f} records/s; exporter: {ours.records_per_second:,.0f} records/s at "
        f"{ours.cpu_micros:.2f} us of CPU each; {ours.name_bytes:.0f} bytes more per name."
    )
    rates = {"bare*": bare.events_per_second, "exporter": ours.records_per_second}
    return Outcome(figures, details, bars("records/s", rates))


def scrape(_: Stage) -> Outcome:
    """A scrape of 10,000 series against stock generate_latest, when all have changed and when none has."""
    seconds = metrics_rendering.measure(10_000, 15)
    stock = seconds[metrics_rendering.STOCK]
    figures = [
        Figure("scrape, all changed", "stock generate_latest", stock / seconds[metrics_rendering.CHANGED], at_least(5)),
        Figure(
            "scrape, unchanged", "stock generate_latest", stock / seconds[metrics_rendering.UNCHANGED], at_least(100)
        ),
    ]
    details = "; ".join(f"{name}: {taken * 1_000:.2f} ms" for name, taken in seconds.items())
    return Outcome(figures, f"{details}.", bars("ms", {name: taken * 1_000 for name, taken in seconds.items()}))


def _run(stage: Stage, environment: dict[str, str], written: Subtotals) -> CaughtUp:
    log = stage.log(stage.new_name("catch_up"))
    expected = [str(number) for number in (written.customers, written.micros, written.count)]
    command = [sys.executable, "-m", "benchmarks.catch_up", *expected]
    with Child(command, stage.worker_cores, log, environment) as child:
        wait_for(lambda: child.ended, "it has caught up", children=())
    try:
        return CaughtUp(**json.loads(log.read_text("utf-8").splitlines()[-1]))
    except (IndexError, TypeError, ValueError) as error:
        raise ChildError(f"it told nothing: {child.last_words()}") from error
