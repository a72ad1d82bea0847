"""Late messages end the invoicer's transactions in their middle, on a real Kafka: nothing is issued twice."""

import json
from pathlib import Path

import pytest

from invoicer.steps import Step
from tests.conftest import Kafka
from tests.invoicer.kafka_world import KafkaWorld
from tests.invoicer.test_kills import NOVEMBER_MS, OCTOBER_MS, SIGKILLED, usage

CUSTOMERS = 7
OCTOBER = ("--month", "2026-10", "--now")
NOVEMBER = ("--month", "2026-11", "--now")

# With seven customers, three invoices a transaction and three records an invoice (itself, billed, carried; the second
# customer has no remainder): ten records a transaction. A tear in the first and the second, and at each step.
PLACES = ["record:1", "record:2", "record:5", "record:12", "record:15"]
STEPS = [f"{step.value}:2" for step in (Step.TRANSACTION_BEGUN, Step.RECORDS_SENT, Step.COMMITTED)]
QUICK = {("record:2", "commit"), ("record:12", "abort")}
SLOW = pytest.mark.slow("torn transactions of the invoicer")


def make_world(kafka: Kafka, prefix: str, folder: Path, chunk_invoices: int = 3) -> KafkaWorld:
    """Return a Kafka with the usage of seven customers in October 2026."""
    world = KafkaWorld(kafka.bootstrap_servers, prefix, folder, close_chunk_invoices=chunk_invoices)
    world.commit(usage(OCTOBER_MS, "2026-10", CUSTOMERS))
    return world


def check(world: KafkaWorld) -> None:
    """Assert that ledger and files hold each customer once, and that no transaction hangs."""
    found = world.check_all_billed()
    october = [invoice.customer for invoice in found.invoices if invoice.month == "2026-10"]
    assert october == [f"C{number:03d}" for number in range(CUSTOMERS)]
    lines = (world.output / "2026-10" / "invoices.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["number"] for line in lines] == [f"2026-10-{n:06d}" for n in range(1, CUSTOMERS + 1)]


@pytest.mark.parametrize(
    ("place", "end"),
    [
        pytest.param(place, end, marks=() if (place, end) in QUICK else SLOW)
        for place in (*PLACES, *STEPS)
        for end in ("commit", "abort")
    ],
)
def test_a_late_end_of_a_transaction(kafka: Kafka, topic_prefix: str, tmp_path: Path, place: str, end: str) -> None:
    """Wherever it comes, the invoicer reads the ledger anew and ends the month; so does the next one."""
    world = make_world(kafka, topic_prefix, tmp_path)
    code, said = world.run(*OCTOBER, tear_at=f"{end}|{place}")
    assert code == 0, said
    assert "Traceback" not in said
    assert ("a transaction was cut in two" in said) == (end == "commit" and place in PLACES), said
    world.commit(usage(NOVEMBER_MS, "2026-11", CUSTOMERS))
    code, said = world.run(*NOVEMBER)
    assert code == 0, said
    check(world)


@SLOW
@pytest.mark.parametrize("chunk_invoices", [1, 20])
@pytest.mark.parametrize("kill_at", ["transaction_begun:3", "committed:2"])
def test_killed_afterwards(kafka: Kafka, topic_prefix: str, tmp_path: Path, chunk_invoices: int, kill_at: str) -> None:
    """An invoicer that dies on the way out of a torn transaction leaves a ledger that the next one goes on from."""
    world = make_world(kafka, topic_prefix, tmp_path, chunk_invoices)
    code, said = world.run(*OCTOBER, tear_at="commit|record:2", kill_at=kill_at)
    assert code in (0, SIGKILLED), said
    code, said = world.run(*OCTOBER)
    assert code == 0, said
    check(world)
