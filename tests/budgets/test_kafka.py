"""`qb budgets` on a real Kafka, killed and torn at its steps: each notification is told exactly once."""

import signal
from pathlib import Path

import pytest

from billing.runtime.ledger_writer import WriteStep
from tests.budgets.kafka_world import TIMEOUT_SECONDS, KafkaWorld
from tests.budgets.model import Event
from tests.conftest import Kafka

pytestmark = [pytest.mark.spread, pytest.mark.timeout(300)]

MONTH = "2026-01"
CUSTOMERS = ("Ada", "Bob", "Cleo")
SLOW = pytest.mark.slow("budgets killed and torn at every step")
# The first transaction claims the ledger; the second tells three customers, with six notifications and one more record.
KILLS = [f"{step.value}:{times}" for step in WriteStep for times in (1, 2)]
QUICK_KILLS = {"records_sent:2", "committed:2"}
TEARS = [
    f"{end}|{place}"
    for end in ("commit", "abort")
    for place in ("record:1", "record:4", "record:8", "records_sent:2", "committed:2")
]
QUICK_TEARS = {"commit|record:4", "abort|records_sent:2"}


@pytest.fixture
def world(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> KafkaWorld:
    """A Kafka in which three customers have used their budgets up, each from two input partitions."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path)
    for partition in (0, 1):
        world.commit(*(Event(partition, MONTH, customer, "CALL", 5_000_000) for customer in CUSTOMERS))
    return world


def wanted(customers: tuple[str, ...] = CUSTOMERS) -> set[tuple[str, int, int, str]]:
    """What has to be told of customers who have used all: customer, threshold, ordinal, kind."""
    return {(customer, percent, 1, "triggered") for customer in customers for percent in (50, 100)}


def check(world: KafkaWorld, *more: tuple[str, int, int, str]) -> None:
    """Let one that nothing happens to decide, and assert that all is told and nothing twice."""
    expected = [*wanted(), *more]
    with world.budgets() as process:
        world.wait_for_told(len(expected))
        world.commit(Event(0, MONTH, "Last", "CALL", 10_000_000))
        told = [one[2:6] for one in world.wait_for_told(len(expected) + 2)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_SECONDS) == 0
    assert sorted(told) == sorted([*expected, *wanted(("Last",))])


@pytest.mark.parametrize("kill_at", [pytest.param(kill, marks=() if kill in QUICK_KILLS else SLOW) for kill in KILLS])
def test_killed_at_any_step(world: KafkaWorld, kill_at: str) -> None:
    """The next one tells what is left."""
    with world.budgets(kill_at=kill_at) as process:
        assert process.wait(TIMEOUT_SECONDS) == -signal.SIGKILL
    check(world)


@pytest.mark.parametrize("tear_at", [pytest.param(tear, marks=() if tear in QUICK_TEARS else SLOW) for tear in TEARS])
def test_a_late_end_of_a_transaction(world: KafkaWorld, tear_at: str) -> None:
    """Whatever of it counts, the ledger is read anew and the rest is told."""
    with world.budgets(tear_at=tear_at) as process:
        world.wait_for_told(6)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 0, said
        assert "Traceback" not in said
    check(world)


def test_a_credit_resolves_and_a_charge_triggers_again(world: KafkaWorld) -> None:
    """As commits come; the second crossing has the next ordinal."""
    with world.budgets():
        world.wait_for_told(6)
        world.commit(Event(0, MONTH, "Ada", "CALL", -2_000_000))
        world.wait_for_told(7)
        world.commit(Event(1, MONTH, "Ada", "CALL", 3_000_000))
        told = world.wait_for_told(8)
    assert [one[2:7] for one in told[6:]] == [
        ("Ada", 100, 1, "resolved", 8_000_000),
        ("Ada", 100, 2, "triggered", 11_000_000),
    ]
    check(world, ("Ada", 100, 1, "resolved"), ("Ada", 100, 2, "triggered"))


def test_the_one_that_was_started_later_decides(world: KafkaWorld) -> None:
    """The other one leaves with a line that says why, and nothing is told twice."""
    with world.budgets() as first:
        world.wait_for_told(6)
        with world.budgets():
            said, _ = first.communicate(timeout=TIMEOUT_SECONDS)
            assert first.returncode == 1, said
            assert "another qb budgets has taken over the ledger" in said
            assert "docs/runbook.md#fenced-budgets" in said
    check(world)


def test_without_budgets_it_says_so(world: KafkaWorld) -> None:
    """And does not wait for any."""
    world.settings = world.settings.model_copy(update={"budgets": ()})
    with world.budgets() as process:
        said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1
    assert "no budget is set" in said
