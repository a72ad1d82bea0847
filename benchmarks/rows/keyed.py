"""What it costs to move records by customer before they are counted."""

from benchmarks.figures import Figure, Outcome, at_least
from benchmarks.rows.processor import describe, plot_of
from benchmarks.runs import run_moving, run_processor
from benchmarks.shapes import Form, Shape
from benchmarks.stage import Stage

KEYED_PARTITIONS = 8


def keyed(stage: Stage) -> Outcome:
    """Records moved by customer and counted from there (dedup_scope: topic) against records counted where they are."""
    # With ids, for whose sake records are moved, all within the window; and without keys, so that they have to be.
    shape = Shape("unkeyed-ids", months=1, form=Form.CSV_WITH_ID, keyed=False, in_order_over=stage.sizes.events)
    filled = stage.filled(shape)
    runs = {"scope partition": run_processor(stage, filled), "scope topic": run_moving(stage, filled, KEYED_PARTITIONS)}
    rates = {name: run.rate for name, run in runs.items()}
    partition, topic = rates.values()
    figures = [
        Figure("scope topic", "scope partition", topic.events_per_second / partition.events_per_second, at_least(0.3)),
        Figure("CPU per event", "scope partition", topic.cpu_micros_per_event / partition.cpu_micros_per_event),
        Figure("CPU per event, all in", "", topic.cpu_micros_per_event, unit="us"),
    ]
    memory = "; ".join(f"{name}: {run.peak_mib:.0f} MiB" for name, run in runs.items())
    return Outcome(figures, f"{describe(rates)}. Memory at most {memory}.", plot_of(rates))
