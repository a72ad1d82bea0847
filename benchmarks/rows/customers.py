"""Many customers: what they cost the processor, and how long it takes to have their State back."""

import shutil
import time
from dataclasses import replace

from benchmarks.child import ChildError, Part
from benchmarks.figures import Figure, Outcome, at_least, bars
from benchmarks.reading import count_records
from benchmarks.rows.processor import FLOOR_SECONDS, describe, plot_of
from benchmarks.runs import PATIENCE_SECONDS, POLL_SECONDS, Run, run_bare, run_floor, run_processor, watch
from benchmarks.shapes import PLAIN, Shape
from benchmarks.stage import Filled, Stage, send
from benchmarks.truth import check_subtotals
from billing.topics import changelog_topic

_SHORTEST_SECONDS = 1e-3
# After a restore an event more comes for one customer in so many.
_MORE_SHARE = 10
# So many that most customers have one. Each event changes a subtotal of its own, so these are enough for a rate.
_EVENTS_PER_CUSTOMER = 2


def many(stage: Stage) -> Shape:
    """Return events of many customers in random order."""
    return Shape("many", customers=stage.sizes.customers, months=1)


def _events(stage: Stage) -> int:
    return _EVENTS_PER_CUSTOMER * stage.sizes.customers


def _count_many(stage: Stage) -> Run:
    filled = _all_made(stage.filled(many(stage), _events(stage)))
    run = run_processor(stage, filled)
    stage.counted[filled.topic] = run.environment
    return run


def many_customers(stage: Stage) -> Outcome:
    """Many customers in random order against 1,000."""
    shape = many(stage)
    few, more = run_processor(stage, stage.filled(PLAIN)), _count_many(stage)
    runs = {f"{PLAIN.customers:,} customers": few, f"{shape.customers:,} customers": more}
    memory = "; ".join(f"{name}: {run.peak_mib:.0f} MiB, State {run.state_mib:.0f} MiB" for name, run in runs.items())
    rates = {name: run.rate for name, run in runs.items()}
    ratio = more.rate.events_per_second / few.rate.events_per_second
    names = list(runs)
    floor = run_floor(stage, shape.partitions, shape.customers, more.subtotals_per_commit, FLOOR_SECONDS)
    by_hand = floor.events_per_second / few.rate.events_per_second
    figures = [
        Figure(names[1], names[0], ratio, at_least(0.3)),
        Figure("a subtotal for each event, written by hand", names[0], by_hand),
    ]
    return Outcome(figures, f"{describe(rates)}. {memory}.", plot_of(rates))


def restore(stage: Stage) -> Outcome:
    """A lost State of many customers, read back from the changelog, against a bare read of it; then more events."""
    filled = stage.filled(many(stage), _events(stage))
    # What was counted for another row has a changelog too.
    environment = stage.counted.get(filled.topic) or _count_many(stage).environment
    group, partitions = environment["QB_CONSUMER_GROUP"], filled.shape.partitions
    topic = changelog_topic(group, filled.topic)
    records = count_records(stage.servers, topic, partitions)
    bare = run_bare(stage, topic, partitions, records).events_per_second
    with Part("process", stage.worker_cores, stage.log(group), environment, "QB_PROCESSOR_PORT") as part:
        seconds = restored(part, partitions)
        peak_mib = part.memory_mib()
        send(stage, filled, stage.sizes.customers // _MORE_SHARE)
        watch(stage, _all_made(filled), group, [part])
    shutil.rmtree(environment["QB_STATE_DIR"], ignore_errors=True)
    check_subtotals(stage.servers, environment["QB_SUBTOTALS_TOPIC"], partitions, filled.truth)
    floor = run_floor(stage, partitions, filled.shape.customers, 0, 0)
    rates = {"bare*": bare, "restore": records / seconds, "RocksDB alone": floor.events_per_second}
    details = (
        f"{records:,} records of the changelog in {seconds:.1f} s, bare* in {records / bare:.1f} s; {peak_mib:.0f} MiB."
    )
    figures = [
        Figure("restore", "bare*", rates["restore"] / bare, at_least(0.3)),
        Figure("RocksDB taking the same records alone", "bare*", rates["RocksDB alone"] / bare),
        Figure("bare* and RocksDB, one after the other", "bare*", 1 / (1 + bare / rates["RocksDB alone"])),
    ]
    return Outcome(figures, details, bars("records/s", rates))


def _all_made(filled: Filled) -> Filled:
    """Return a topic with all events that its maker has made: another repetition may have added some."""
    return replace(filled, events=filled.truth.accepted)


def restored(part: Part, partitions: int) -> float:
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
            return max(now - began, _SHORTEST_SECONDS)
        time.sleep(POLL_SECONDS)
    raise ChildError(f"State was not restored: {part.last_words()}")
