"""Each row of the benchmarks runs, in numbers too small to tell anything, and notices totals that are wrong."""

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.child import ChildError
from benchmarks.figures import Outcome
from benchmarks.peer_jobs import PeersMissingError, build, peer_totals
from benchmarks.rows import ROWS
from benchmarks.runs import run_bare, run_processor
from benchmarks.shapes import EventMaker, Shape
from benchmarks.stage import Sizes, Stage
from benchmarks.truth import InexactError, Truth, compare
from tests.conftest import Kafka

pytestmark = [pytest.mark.spread, pytest.mark.slow("benchmarks"), pytest.mark.timeout(600)]

SMALL = Sizes(
    events=100_000,
    customers=2_000,
    seconds=2.0,
    stock_seconds=1.0,
    close_customers=500,
    ids=50_000,
    curve_points=2,
    rough=True,
)


@pytest.fixture(scope="module")
def stage(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A stage on the tests' broker: figures mean nothing there."""
    cores = sorted(os.sched_getaffinity(0))
    return Stage(kafka.bootstrap_servers, tmp_path_factory.mktemp("bench"), SMALL, cores)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_runs(stage: Stage, name: str) -> None:
    """It comes to figures above zero, and says what they were made of."""
    outcome = ROWS[name](stage)
    assert isinstance(outcome, Outcome)
    assert outcome.details
    assert all(figure.value > 0 for figure in outcome.figures)


def test_wrong_totals_are_noticed(stage: Stage) -> None:
    """A cent that the truth has too much fails the run."""
    filled = stage.filled(Shape("wrong"), 100_000)
    filled.truth.customers[0, 0] += 10_000
    with pytest.raises(InexactError):
        run_processor(stage, filled)


@pytest.mark.parametrize("name", ["two", "visible"])
def test_a_row_with_events_of_its_own_notices_wrong_totals(
    stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A truth in which each amount is a cent too high fails it."""
    right: Callable[..., None] = Truth.add

    def wrong(truth: Truth, *columns: Any) -> None:
        *others, cents = columns
        right(truth, *others, cents + 1)

    monkeypatch.setattr(Truth, "add", wrong)
    with pytest.raises(InexactError):
        ROWS[name](stage)


@pytest.mark.parametrize(
    ("name", "what", "wrong", "error"),
    [
        ("catch-up", "exporter.produce", lambda written: replace(written, micros=written.micros + 1), ChildError),
        ("close", "invoicer.exact_total", lambda total: f"{total}1", InexactError),
    ],
)
def test_a_row_that_reads_subtotals_notices_wrong_totals(
    stage: Stage, name: str, what: str, wrong: Callable[[Any], Any], error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What they should add up to is something else."""
    module, function = f"benchmarks.rows.{what}".rsplit(".", 1)
    right = getattr(import_module(module), function)
    monkeypatch.setattr(f"{module}.{function}", lambda *arguments: wrong(right(*arguments)))
    with pytest.raises(error):
        ROWS[name](stage)


def test_records_that_are_missing_are_noticed(stage: Stage) -> None:
    """A bare consumer that is told of more records than there are fails the run."""
    filled = stage.filled(Shape("missing"), 100_000)
    with pytest.raises(ChildError, match="100000 records are there, not 100001"):
        run_bare(stage, filled.topic, filled.shape.partitions, 100_001)


def test_a_peers_output_is_compared() -> None:
    """Partials are added up, types without events left out, and a wrong sum is noticed."""
    truth = EventMaker(Shape("peer", customers=1, months=1)).truth
    time_ms = truth.first_ms + 5
    one = np.ones(1, np.int64)
    truth.add(one * 0, one * 0, one * time_ms, one * 1, one * 300)
    truth.add(one * 0, one * 0, one * time_ms, one * 1, one * 200)
    customer, hour = f"{truth.months[0]}|{truth.names[0]}", truth.first_ms
    records = {
        f"customer|0|{customer}".encode(): b"0,0;3000000,1;0,0;0,0;0,0",
        f"customer|1|{customer}".encode(): b"0,0;2000000,1;0,0;0,0;0,0",
        f"hour|0|{hour}".encode(): b"0,0;5000000,2;0,0;0,0;0,0",
    }
    compare(truth.totals(), peer_totals(records), "totals")
    records[f"hour|0|{hour}".encode()] = b"0,0;5000001,2;0,0;0,0;0,0"
    with pytest.raises(InexactError):
        compare(truth.totals(), peer_totals(records), "totals")


def test_what_the_peers_need_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Java and Maven on the path, the line names them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeersMissingError, match=r"^make bench-peers needs Java 17.*: java, javac, mvn not found$"):
        build()
