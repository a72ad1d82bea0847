"""Two processors on two cores against one, and how cost grows with customers, months and partitions."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.bulk_producer import BulkProducer
from benchmarks.child import Part
from benchmarks.figures import Figure, Outcome, Plot, at_least
from benchmarks.rate import Rate
from benchmarks.rows.processor import describe, plot_of
from benchmarks.runs import Run, run_processor, wait_for, watch
from benchmarks.shapes import PLAIN, EventMaker, Shape
from benchmarks.stage import Filled, Stage, ahead, on_cores
from benchmarks.truth import check_subtotals

# What one after the other is measured at, of the events of a rate.
_CURVE_SHARE = 4
# Fewer events need more commits to tell a rate.
_CURVE_COMMIT_SECONDS = 0.25
_MOST_MONTHS, _MOST_PARTITIONS = 24, 64


def two_processors(stage: Stage) -> Outcome:
    """Two processors, a core each, against one: all partitions are assigned before the events become visible."""
    rates, broker_micros = {}, 0.0
    for number in (1, 2):
        rate, broker_micros = _together(stage, number)
        rates[f"{number} processor{'s' * (number > 1)}"] = rate
    one, two = rates.values()
    most = len(stage.cores) * 1e6 / (two.cpu_micros_per_event + broker_micros)
    details = (
        f"{describe(rates)}. The broker takes {broker_micros:.2f} us of CPU per event on the same {len(stage.cores)} "
        f"cores, which leaves room for {most:,.0f} events/s."
    )
    figures = [
        Figure("two processors", "one", two.events_per_second / one.events_per_second, at_least(1.7)),
        Figure("two processors", "what the cores have room for", two.events_per_second / most),
        Figure("what the cores have room for", "one", most / one.events_per_second),
    ]
    return Outcome(figures, details, plot_of(rates))


def _together(stage: Stage, number: int) -> tuple[Rate, float]:
    """Return the rate of so many processors in one group, after checking their totals; and the broker's CPU per event.

    That is in microseconds. One processor has a core and the broker the others; more have all, and the broker what is
    left of each. Kept to some, it would slow down those alone that have these.
    """
    name, partitions = stage.new_name("group"), PLAIN.partitions
    events = stage.sizes.events * number  # or two would be done before they have committed often enough to tell a rate
    topic = f"{name}.incoming"
    environment = stage.environment(name, topic, partitions)
    maker = EventMaker(PLAIN)
    options = {"transactional.id": name, "transaction.timeout.ms": 600_000}
    with ExitStack() as stack, BulkProducer(stage.servers, topic, options) as producer:
        with producer.transaction():
            for chunk in ahead(maker.chunks(events)):
                producer.send(chunk.payloads, chunk.keys, chunk.partitions)
            producer.flush()
            parts = [
                stack.enter_context(_member(stage, environment, instance, core))
                for instance, core in enumerate((stage.cores * number)[:number])
            ]
            if number > 1:
                stack.enter_context(stage.broker_everywhere())
                stack.enter_context(on_cores(stage.cores))
            wait_for(lambda: _owned(parts) == [partitions // number] * number, "partitions are shared out", parts)
        filled = Filled(PLAIN, topic, events, maker)
        before = stage.broker_cpu_seconds()
        rate = watch(stage, filled, name, parts).rate()
        broker_micros = (stage.broker_cpu_seconds() - before) * 1e6 / filled.events
    check_subtotals(stage.servers, environment["QB_SUBTOTALS_TOPIC"], partitions, maker.truth)
    shutil.rmtree(environment["QB_STATE_DIR"], ignore_errors=True)
    return rate, broker_micros


def _member(stage: Stage, environment: dict[str, str], instance: int, core: int) -> Part:
    log = stage.log(f"{environment['QB_CONSUMER_GROUP']}-{instance}")
    return Part("process", [core], log, {**environment, "QB_INSTANCE": f"bench-{instance}"}, "QB_PROCESSOR_PORT")


def _owned(parts: Sequence[Part]) -> list[float | None]:
    return [part.metric("billing_processor_assigned_partitions") for part in parts]


@dataclass(frozen=True)
class Point:
    """A point of a curve: how many of what there are, and the run."""

    number: int
    run: Run


def curve(stage: Stage) -> Outcome:
    """Cost per event as customers, months and partitions grow, one at a time; memory and State with it."""
    events = max(1, stage.sizes.events // _CURVE_SHARE)
    curves = {
        "customers": [Shape(f"customers-{n}", customers=n) for n in _steps(1_000, stage.sizes.customers, stage)],
        "months": [Shape(f"months-{n}", months=n) for n in _steps(1, _MOST_MONTHS, stage)],
        "partitions": [Shape(f"partitions-{n}", partitions=n) for n in _steps(1, _MOST_PARTITIONS, stage)],
    }
    points = {name: [_point(stage, name, shape, events) for shape in shapes] for name, shapes in curves.items()}
    figures = [Figure(f"{name} {_ends(line)}", "the first", _growth(line)) for name, line in points.items()]
    lines = {}
    for name, line in points.items():
        lines[f"{name}: events/s"] = [(float(point.number), point.run.rate.events_per_second) for point in line]
        lines[f"{name}: MiB"] = [(float(point.number), point.run.peak_mib) for point in line]
    told = " ".join(f"{name}: {'; '.join(map(_told, line))}." for name, line in points.items())
    details = f"A commit each {_CURVE_COMMIT_SECONDS} s. {told}"
    return Outcome(figures, details, Plot("events/s and memory", lines, "customers, months, partitions"))


def _point(stage: Stage, name: str, shape: Shape, events: int) -> Point:
    filled = stage.filled(shape, events)
    return Point(getattr(shape, name), run_processor(stage, filled, commit_interval_seconds=_CURVE_COMMIT_SECONDS))


def _steps(first: int, last: int, stage: Stage) -> list[int]:
    """Return the numbers of a curve: the ends, and what lies evenly between their logarithms."""
    most = stage.sizes.curve_points - 1
    return sorted({round(first * (last / first) ** (step / most)) for step in range(most + 1)})


def _ends(line: Sequence[Point]) -> str:
    return f"{line[0].number:,} -> {line[-1].number:,}"


def _growth(line: Sequence[Point]) -> float:
    return line[-1].run.rate.events_per_second / line[0].run.rate.events_per_second


def _told(point: Point) -> str:
    run = point.run
    return (
        f"{point.number:,}: {run.rate.events_per_second:,.0f} events/s, {run.rate.cpu_micros_per_event:.2f} us, "
        f"{run.peak_mib:.0f} MiB, State {run.state_mib:.0f} MiB"
    )
