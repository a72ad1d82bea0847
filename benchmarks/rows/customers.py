"""Many customers: what they cost the processor, and how long it takes to have their State back."""

import shutil
import time
from pathlib import Path

from benchmarks.child import ChildError, Part
from benchmarks.figures import Figure, Outcome, at_least, bars
from benchmarks.reading import count_records
from benchmarks.rows.processor import describe, plot_of
from benchmarks.runs import PATIENCE_SECONDS, POLL_SECONDS, run_bare, run_processor
from benchmarks.shapes import PLAIN, Shape
from benchmarks.stage import Stage
from benchmarks.truth import check_subtotals
from billing.topics import changelog_topic

SHORTEST_SECONDS = 1e-3
MANY = "many"


def many(stage: Stage) -> Shape:
    """Return events of many customers in random order."""
    return Shape(MANY, customers=stage.sizes.customers, months=1)


def many_customers(stage: Stage) -> Outcome:
    """Many customers in random order against 1,000."""
    runs = {
        f"{shape.customers:,} customers": run_processor(stage, stage.filled(shape)) for shape in (PLAIN, many(stage))
    }
    few, more = runs.values()
    stage.kept[MANY] = more.environment
    memory = "; ".join(f"{name}: {run.peak_mib:.0f} MiB, State {run.state_mib:.0f} MiB" for name, run in runs.items())
    rates = {name: run.rate for name, run in runs.items()}
    ratio = more.rate.events_per_second / few.rate.events_per_second
    names = list(runs)
    return Outcome([Figure(names[1], names[0], ratio, at_least(0.3))], f"{describe(rates)}. {memory}.", plot_of(rates))


def restore(stage: Stage) -> Outcome:
    """A lost State of many customers, read back from the changelog, against a bare read of it."""
    filled = stage.filled(many(stage))
    environment = stage.kept.pop(MANY, None) or run_processor(stage, filled).environment
    group, partitions = environment["QB_CONSUMER_GROUP"], filled.shape.partitions
    topic = changelog_topic(group, filled.topic)
    records = count_records(stage.servers, topic, partitions)
    bare = run_bare(stage, topic, partitions, records).events_per_second
    assert not Path(environment["QB_STATE_DIR"]).exists()
    with Part("process", stage.worker_cores, stage.log(group), environment, "QB_PROCESSOR_PORT") as part:
        seconds = _restored(part, partitions)
        peak_mib = part.memory_mib()
    shutil.rmtree(environment["QB_STATE_DIR"], ignore_errors=True)
    check_subtotals(stage.servers, environment["QB_SUBTOTALS_TOPIC"], partitions, filled.truth)
    rates = {"bare*": bare, "restore": records / seconds}
    details = (
        f"{records:,} records of the changelog in {seconds:.1f} s, bare* in {records / bare:.1f} s; {peak_mib:.0f} MiB."
    )
    return Outcome(
        [Figure("restore", "bare*", rates["restore"] / bare, at_least(0.3))], details, bars("records/s", rates)
    )


def _restored(part: Part, partitions: int) -> float:
    """Return the seconds from the first sight of the restore, or of the processor if that is missed, to its end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    began, seen = None, False
    while time.monotonic() < deadline:
        part.require_running()
        recovering = part.metric("billing_processor_recovering")
        owned = part.metric("billing_processor_assigned_partitions")
        now = time.monotonic()
        if recovering is not None and (began is None or (recovering and not seen)):
            began, seen = now, bool(recovering)
        if began is not None and not recovering and owned == partitions:
            return max(now - began, SHORTEST_SECONDS)
        time.sleep(POLL_SECONDS)
    raise ChildError(f"State was not restored: {part.last_words()}")
