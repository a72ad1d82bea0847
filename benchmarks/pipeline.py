"""Processor and exporter while events come in at a steady rate; afterwards the totals are compared."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from benchmarks.child import Child, Part
from benchmarks.pace import live_shape, ticks
from benchmarks.runs import wait_for
from benchmarks.shapes import PLAIN, EventMaker
from benchmarks.stage import Stage, as_variables
from benchmarks.truth import NAME_DIGITS, Truth, check_subtotals
from billing.event import DEFAULT_TYPES

PROBE = f"probe-{PLAIN.customers:0{NAME_DIGITS}d}"


@dataclass(frozen=True)
class Pipeline:
    """A running deployment.

    Args:
        environment: its settings.
        exporter: answers.
        feeder: sends the events, and ends when they are sent.
        probes: when each event of the customer `PROBE` was sent, by who sends them.
    """

    environment: dict[str, str]
    exporter: Part
    feeder: Child
    probes: list[float] = field(default_factory=list)


@contextmanager
def pipeline(stage: Stage, rate: int, seconds: float, **settings: object) -> Iterator[Pipeline]:
    """Run a processor and an exporter while so many events per second come in, which they do when this is entered.

    The processor has the worker's core, the others may use all cores. Who leaves this has waited for all events and
    compared their totals. More of the product's settings go by name.

    Raises:
        InexactError: the totals are not those of the events.
    """
    name = stage.new_name("pipeline")
    topic = f"{name}.incoming"
    environment = stage.environment(name, topic, PLAIN.partitions)
    environment |= as_variables(settings)
    logs = [stage.log(f"{name}-{what}") for what in ("process", "export", "pace")]
    with (
        Part("process", stage.worker_cores, logs[0], environment, "QB_PROCESSOR_PORT") as processor,
        Part("export", stage.cores, logs[1], environment, "QB_EXPORTER_PORT") as exporter,
    ):
        owned = "billing_processor_assigned_partitions"
        wait_for(lambda: processor.metric(owned) == PLAIN.partitions, "the processor counts", [processor])
        wait_for(lambda: exporter.get("/readyz") is not None, "the exporter is ready", [exporter])
        command = [sys.executable, "-m", "benchmarks.pace", stage.servers, topic, str(rate), str(seconds)]
        with Child(command, stage.broker_cores, logs[2]) as feeder:
            running = Pipeline(environment, exporter, feeder)
            yield running
            wait_for(lambda: feeder.ended, "all events are sent", [processor, exporter])
        maker = EventMaker(live_shape(rate, seconds))
        for _ in ticks(maker, rate, seconds):
            pass
        truth = with_probes(maker.truth, len(running.probes))
        counted = "billing_processor_events_accepted_total"
        wait_for(lambda: (processor.metric(counted) or 0) >= truth.accepted, "all events are counted", [processor])
    check_subtotals(stage.servers, environment["QB_SUBTOTALS_TOPIC"], PLAIN.partitions, truth)


def probe(truth: Truth) -> bytes:
    """Return the event of which :func:`with_probes` counts some."""
    return f"{truth.first_ms},{PROBE},0.01,{DEFAULT_TYPES[0]}".encode()


def with_probes(truth: Truth, number: int) -> Truth:
    """Return what it is with so many probes more."""
    whole = truth.with_customer(PROBE)
    zeros, ones = np.zeros(number, np.int64), np.ones(number, np.int64)
    whole.add(ones * len(truth.names), zeros, ones * truth.first_ms, zeros, ones)
    return whole
