"""What asks the exporter while events come in: how soon an event is visible, and how fast a customer is answered."""

import asyncio
import http.client
import json
import random
import sys
import time
from collections.abc import Callable
from http import HTTPStatus

from confluent_kafka import Producer

from benchmarks.child import Child
from benchmarks.figures import Figure, Outcome, Plot, at_least, at_most, bars
from benchmarks.http_load import Answers, ask, percentile
from benchmarks.pipeline import PROBE, Pipeline, pipeline, probe
from benchmarks.runs import wait_for
from benchmarks.shapes import PLAIN, EventMaker
from benchmarks.stage import Stage
from benchmarks.truth import compare
from broker.ports import free_port

RATES = (1_000, 50_000, 300_000)
COMMIT_SECONDS = 0.5
CONNECTIONS = 8
LOAD_RATE = 100_000
_MOST_PAUSE_SECONDS = 0.1
_POLL_SECONDS = 0.005
_FLUSH_SECONDS = 30.0


def visible(stage: Stage) -> Outcome:
    """The time from sending an event until a GET shows it, at several rates; the commit interval is half a second."""
    taken = {rate: _delays_ms(stage, rate) for rate in RATES}
    limit_ms = COMMIT_SECONDS * 1_000 * 1.2 + 50
    against = f"1.2 x {COMMIT_SECONDS:g} s + 50 ms"
    figures = [
        Figure(f"p99 at {rate:,} events/s", against, percentile(delays, 0.99), at_most(limit_ms), "ms")
        for rate, delays in taken.items()
    ]
    details = "; ".join(
        f"{rate:,} events/s: {len(delays)} events, median {percentile(delays, 0.5):.0f} ms, "
        f"p99 {percentile(delays, 0.99):.0f} ms, slowest {max(delays):.0f} ms"
        for rate, delays in taken.items()
    )
    lines = {
        name: [(float(rate), percentile(delays, share)) for rate, delays in taken.items()]
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }
    return Outcome(figures, f"{details}.", Plot("ms until visible", lines, "events/s"))


def _delays_ms(stage: Stage, rate: int) -> list[float]:
    warming, seconds = stage.sizes.seconds / 2, stage.sizes.seconds
    with pipeline(stage, rate, warming + seconds + 1, commit_interval_seconds=COMMIT_SECONDS) as running:
        time.sleep(warming)
        return Probes(stage, running).measure(seconds)


class Probes:
    """Events of one customer, sent now and then, each of them looked for until it is counted."""

    def __init__(self, stage: Stage, running: Pipeline) -> None:
        self._sent = running.probes
        self._topic = running.environment["QB_INPUT_TOPIC"]
        self._exporter = running.exporter
        self._producer = Producer({"bootstrap.servers": stage.servers, "linger.ms": 0})
        self._connection = http.client.HTTPConnection("127.0.0.1", running.exporter.port, timeout=30)
        self._event = probe(EventMaker(PLAIN).truth)
        self._delays_ms: list[float] = []

    def measure(self, seconds: float) -> list[float]:
        """Send for so many seconds, wait for the rest, and return the milliseconds that each took."""
        draw = random.Random(1)
        due = time.monotonic()
        end = due + seconds

        def done() -> bool:
            nonlocal due
            if (now := time.monotonic()) >= due and now < end:
                self._send(now)
                due = now + draw.uniform(0, _MOST_PAUSE_SECONDS)
            self._take(self._counted())
            return now >= end and len(self._delays_ms) == len(self._sent)

        wait_for(done, "the events sent are visible", [self._exporter], _POLL_SECONDS)
        self._connection.close()
        self._producer.flush(_FLUSH_SECONDS)
        return self._delays_ms

    def _send(self, now: float) -> None:
        self._producer.produce(self._topic, self._event)
        self._producer.poll(0)
        self._sent.append(now)

    def _counted(self) -> int:
        """Return how many of them the exporter shows."""
        self._connection.request("GET", f"/customers/{PROBE}")
        answer = self._connection.getresponse()
        body = answer.read()
        return int(json.loads(body)["count"]) if answer.status == HTTPStatus.OK else 0

    def _take(self, counted: int) -> None:
        """Note the time of those that are shown now and were not before."""
        now = time.monotonic()
        self._delays_ms += [(now - sent) * 1_000 for sent in self._sent[len(self._delays_ms) : counted]]


def answers(stage: Stage) -> Outcome:
    """GET of a customer while 100,000 events per second come in, against a handler that returns a constant."""
    seconds, port = stage.sizes.seconds, free_port()
    names = EventMaker(PLAIN).truth.names
    command = [sys.executable, "-m", "benchmarks.constant_server", str(port)]

    def customer_path(draw: random.Random) -> str:
        return f"/customers/{draw.choice(names)}"

    log = stage.log(stage.new_name("constant"))
    with (
        pipeline(stage, LOAD_RATE, 2.5 * seconds + 4) as running,
        Child(command, stage.cores, log) as constant,
    ):
        wait_for(lambda: _answers(port), "the constant is served", [constant])
        wait_for(lambda: _answers(running.exporter.port, names[0]), "a customer is shown", [running.exporter])
        taken = {
            "constant": _asked(port, customer_path, seconds),
            "customer": _asked(running.exporter.port, customer_path, seconds),
            "healthz": _asked(running.exporter.port, lambda _: "/healthz", seconds / 2),
        }
        # Who asks longer than events come in has measured something else.
        compare(False, running.feeder.ended, "the answers while events came in")
    ours, theirs, idle = taken["customer"], taken["constant"], taken["healthz"]
    details = "; ".join(
        f"{name}: {one.per_second:,.0f} answers/s, p99 {one.p99_ms:.1f} ms" for name, one in taken.items()
    )
    figures = [
        Figure("GET /customers/{c}, answers/s", "a constant", ours.per_second / theirs.per_second, at_least(0.8)),
        Figure("GET /healthz, which looks nothing up", "a constant", idle.per_second / theirs.per_second),
        Figure("GET /customers/{c}, p99", "a constant", ours.p99_ms / theirs.p99_ms, at_most(2.0)),
    ]
    plot = bars("answers/s", {name: one.per_second for name, one in taken.items()})
    return Outcome(figures, f"{details}; {CONNECTIONS} connections.", plot)


def _asked(port: int, path: Callable[[random.Random], str], seconds: float) -> Answers:
    return asyncio.run(ask(port, path, CONNECTIONS, seconds))


def _answers(port: int, customer: str = "somebody") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", f"/customers/{customer}")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
