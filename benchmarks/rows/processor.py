"""The processor against a bare consumer and a stock pipeline, and what its events' shape costs."""

from benchmarks.figures import Figure, Outcome, Plot, at_least, at_most, bars
from benchmarks.rate import Rate, mean_rate
from benchmarks.runs import run_bare, run_floor, run_processor, run_reject_floor, run_stock, run_summed
from benchmarks.shapes import PLAIN, Form, Names, Shape
from benchmarks.stage import Filled, Stage

# How long transactions are written by hand, all in all; beside a reader, that reads far longer than a commit takes.
FLOOR_SECONDS, BUSY_FLOOR_SECONDS = 1.5, 0.6
_MALFORMED = "1 % malformed"
UNKEYED = Shape("unkeyed", keyed=False)
# What is compared with the plain one, and how much of its rate should be left.
OTHERS = {
    "JSON": (Shape("json", form=Form.JSON), 0.6),
    "CSV with ids": (Shape("ids", form=Form.CSV_WITH_ID), 0.9),
    "names beyond ASCII": (Shape("scripts", names=Names.ANY), 0.9),
    _MALFORMED: (Shape("malformed", malformed_share=0.01), 0.8),
    "not keyed": (UNKEYED, 0.95),
}


def bare_rate(stage: Stage, filled: Filled) -> Rate:
    """Return the rate of the bare consumer over a topic of events."""
    return run_bare(stage, filled.topic, filled.shape.partitions, filled.events)


def against_bare(stage: Stage) -> Outcome:
    """The processor, exactly-once, against bare*: a Python consumer that does nothing with what it reads."""
    filled = stage.filled(PLAIN)
    bare, run = bare_rate(stage, filled), run_processor(stage, filled)
    fallback = run_processor(stage, filled, native_reading=False).rate
    rates = {"bare*": bare, "processor": run.rate, "through Python": fallback}
    details = f"{describe(rates)}; memory at most {run.peak_mib:.0f} MiB, State {run.state_mib:.1f} MiB; "
    details += f"{run.subtotals_per_commit:,} subtotals per commit, which take {run.commit_micros:.1f} us each."
    ratio = run.rate.events_per_second / bare.events_per_second
    cpu = run.rate.cpu_micros_per_event
    figures = [
        Figure("processor", "bare*", ratio, at_least(1.0)),
        Figure("the same, native_reading: false", "bare*", fallback.events_per_second / bare.events_per_second),
        Figure("CPU per event, all in", "", cpu, unit="us"),
        Figure("CPU per event", "bare*", cpu / bare.cpu_micros_per_event),
    ]
    return Outcome(figures, details, plot_of(rates))


def against_stock(stage: Stage) -> Outcome:
    """The processor against a stock Quix pipeline with the same output."""
    filled = stage.filled(PLAIN)
    rates = {
        "stock Quix": run_stock(stage, filled),
        "bare*": bare_rate(stage, filled),
        "summed in memory": run_summed(stage, filled),
        "processor": run_processor(stage, filled).rate,
    }
    stock, bare, summed, ours = (rate.events_per_second for rate in rates.values())
    figures = [
        Figure("processor", "stock Quix", ours / stock, at_least(100)),
        Figure("summed in memory, no State, no commit", "stock Quix", summed / stock),
        Figure("bare*, which does nothing", "stock Quix", bare / stock),
    ]
    return Outcome(figures, f"{describe(rates)}.", plot_of(rates))


def commits(stage: Stage) -> Outcome:
    """A commit of many subtotals, per subtotal: each customer is in each partition, since records have no keys."""
    filled = stage.filled(UNKEYED)
    run = run_processor(stage, filled)
    size = UNKEYED.partitions, run.subtotals_per_commit, run.subtotals_per_commit
    floor = run_floor(stage, *size, FLOOR_SECONDS)
    busy = run_floor(stage, *size, BUSY_FLOOR_SECONDS, filled.topic)
    figures = [
        Figure("time of a commit per subtotal published", "", run.commit_micros, at_most(5), "us"),
        Figure("the same subtotals written and committed by hand", "", 1e6 / floor.events_per_second, unit="us"),
        Figure("the same by hand, while bare* reads", "", 1e6 / busy.events_per_second, unit="us"),
    ]
    details = f"{run.subtotals_per_commit:,} subtotals per commit."
    return Outcome(figures, details, bars("us", {figure.what: figure.value for figure in figures}))


def shapes(stage: Stage) -> Outcome:
    """JSON, ids that are only read, other names, malformed records, records without keys, against plain CSV."""
    # What all are held against is measured before and after them: machines drift.
    plain_runs = [run_processor(stage, stage.filled(PLAIN)).rate]
    others = {
        name: run_processor(stage, stage.filled(shape), dedup_window_days=0).rate for name, (shape, _) in OTHERS.items()
    }
    plain_runs.append(run_processor(stage, stage.filled(PLAIN)).rate)
    rates = {"plain CSV": mean_rate(plain_runs), **others}
    figures = []
    for name, (_, share) in OTHERS.items():
        ratio = rates[name].events_per_second / rates["plain CSV"].events_per_second
        figures.append(Figure(name, "plain CSV", ratio, at_least(share)))
    by_hand = run_reject_floor(stage, FLOOR_SECONDS).cpu_micros_per_event
    plain = rates["plain CSV"].cpu_micros_per_event
    floor = plain / (plain + by_hand * OTHERS[_MALFORMED][0].malformed_share)
    figures.append(Figure(f"{_MALFORMED}, rejected by hand", "plain CSV", floor))
    return Outcome(figures, f"{describe(rates)}.", plot_of(rates))


def describe(rates: dict[str, Rate]) -> str:
    return "; ".join(
        f"{name}: {rate.events_per_second:,.0f} events/s at {rate.cpu_micros_per_event:.2f} us of CPU each"
        for name, rate in rates.items()
    )


def plot_of(rates: dict[str, Rate]) -> Plot:
    return bars("events/s", {name: rate.events_per_second for name, rate in rates.items()})
