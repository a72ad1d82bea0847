"""Ids that count once: what they cost, in time and in memory, with many of them in the window."""

import shutil
import time
from dataclasses import replace

from benchmarks.child import Part
from benchmarks.figures import Figure, Outcome, at_least
from benchmarks.rows.customers import restored
from benchmarks.rows.processor import FLOOR_SECONDS, describe, plot_of
from benchmarks.runs import Run, run_ids_floor, run_processor
from benchmarks.shapes import Form, Shape
from benchmarks.stage import Stage
from billing.runtime.native.pages import zeros

# A month lies within the window, whose ids are known until its end.
_MONTHS = 1
_REPEATED = 0.1
_GIB, _PAGE_BYTES = 1 << 30, 4_096


def ids(stage: Stage) -> Outcome:
    """Unique ids with many in the window, and repeats, against events without ids; memory and restore of the ids.

    What does not fit into memory sinks to disk now and then, which those counted from the first one on have paid for.
    """
    known, events = stage.sizes.ids, stage.sizes.events
    total = known + events
    touching = _fresh_memory_seconds()
    plain = Shape("in-order", months=_MONTHS, in_order_over=total)
    unique = replace(plain, name="once", form=Form.CSV_WITH_ID)
    repeated = replace(unique, name="repeated", repeated_share=_REPEATED)
    runs = {
        "without ids": run_processor(stage, stage.filled(plain, events)),
        f"{known:,} ids in the window": run_processor(stage, stage.filled(unique, total), known),
        "10 % duplicates": run_processor(stage, stage.filled(repeated, total), known),
    }
    without, with_ids, with_repeats = runs.values()
    seconds = _restore_seconds(with_ids, stage, plain.partitions)
    base, plain_micros = without.rate.events_per_second, without.rate.cpu_micros_per_event
    by_hand = run_ids_floor(stage, plain.partitions, round(with_ids.rate.events_per_second), FLOOR_SECONDS)
    figures = [
        Figure("unique ids", "no ids", with_ids.rate.events_per_second / base, at_least(0.5)),
        Figure("10 % duplicates", "no ids", with_repeats.rate.events_per_second / base, at_least(0.5)),
        Figure("unique ids, from the first one on", "no ids", with_ids.whole.events_per_second / base),
        Figure("10 % duplicates, from the first one on", "no ids", with_repeats.whole.events_per_second / base),
        Figure("unique ids, kept by hand", "no ids", plain_micros / (plain_micros + by_hand.cpu_micros_per_event)),
        Figure("memory per id", "", with_ids.ids_bytes / with_ids.ids, unit="bytes"),
        Figure("State per id", "", with_ids.state_mib * 1024 * 1024 / with_ids.ids, unit="bytes"),
        Figure("restore, per million ids", "", seconds * 1e6 / with_ids.ids, unit="s"),
    ]
    rates = {name: run.rate for name, run in runs.items()} | {"ids kept by hand, unread": by_hand}
    memory = (
        f"{with_ids.ids:,.0f} ids: {with_ids.peak_mib:,.0f} MiB in all, restored in {seconds:.1f} s. A GiB of memory "
        f"that nobody had before takes this machine {touching:.2f} s"
    )
    return Outcome(figures, f"{describe(rates)}. {memory}.", plot_of(rates))


def _fresh_memory_seconds() -> float:
    """Return what it takes to get a GiB of memory: where the machine is a virtual one, its host may have to find it."""
    began = time.monotonic()
    zeros(_GIB // 8)[:: _PAGE_BYTES // 8] = 1
    return time.monotonic() - began


def _restore_seconds(run: Run, stage: Stage, partitions: int) -> float:
    """Return how long a processor without State takes until it owns its partitions again, ids and all."""
    environment = run.environment
    log = stage.log(f"{environment['QB_CONSUMER_GROUP']}-restored")
    with Part("process", stage.worker_cores, log, environment, "QB_PROCESSOR_PORT") as part:
        seconds = restored(part, partitions)
        if part.metric("billing_processor_known_ids") != run.ids:
            raise RuntimeError("not all ids came back")
    shutil.rmtree(environment["QB_STATE_DIR"], ignore_errors=True)
    return seconds
