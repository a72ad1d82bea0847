"""The invoicer killed with SIGKILL at each step, and started twice: nothing missing, nothing twice, no gap."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoicer.steps import Step
from tests.conftest import Kafka
from tests.invoicer.kafka_world import Event, KafkaWorld

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

OCTOBER_MS = 1_791_000_000_000
NOVEMBER_MS = 1_793_800_000_000
SIGKILLED = -9

SLOW = pytest.mark.slow("the invoicer killed at every step")
# With five customers and two invoices a transaction: three chunks, then the month close. A step of each kind at each.
ALL_KILLS = [
    *((Step.CLOSE_STARTED, 1), (Step.ALL_ISSUED, 1), (Step.CLOSED, 1)),
    *((step, times) for step in (Step.TRANSACTION_BEGUN, Step.RECORDS_SENT, Step.COMMITTED) for times in (1, 2, 3, 4)),
    *((Step.CHUNK_ISSUED, times) for times in (1, 2, 3)),
    *((step, 1) for step in (Step.FILES_BEGUN, Step.FILES_WRITTEN, Step.FILES_RENAMED)),
]
# In the middle of a transaction, after it, between chunks, between month close and files, and in the middle of these.
QUICK_KILLS = {
    *((Step.RECORDS_SENT, 2), (Step.COMMITTED, 2), (Step.CHUNK_ISSUED, 1), (Step.CLOSED, 1), (Step.FILES_WRITTEN, 1)),
}
KILLS = [pytest.param(*kill, marks=() if kill in QUICK_KILLS else SLOW) for kill in ALL_KILLS]


def usage(time_ms: int, month: str, customers: int) -> Iterator[Event]:
    """One event of each customer."""
    for number in range(customers):
        yield number % 2, time_ms, month, f"C{number:03d}", "CALL", 1_234_567 * (number - 1)


@pytest.fixture
def world(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> KafkaWorld:
    """A Kafka with the usage of five customers in October 2026."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path)
    world.commit(usage(OCTOBER_MS, "2026-10", 5))
    return world


def test_the_quick_kills_are_some_of_all() -> None:
    """None is lost by a change of the steps."""
    assert set(ALL_KILLS) >= QUICK_KILLS


@pytest.mark.parametrize(("step", "times"), KILLS, ids=str)
def test_killed_at_any_step(world: KafkaWorld, step: Step, times: int) -> None:
    """Killed there, the next invoicer ends what was begun, in the ledger and in the files."""
    code, said = world.run("--month", "2026-10", "--now", kill_at=f"{step.value}:{times}")
    assert code == SIGKILLED, said
    world.check()
    code, said = world.run("--month", "2026-10", "--now")
    assert code == 0, said
    found = world.check_all_billed()
    assert [invoice.customer for invoice in found.invoices] == [f"C{number:03d}" for number in range(5)]
    assert found.closes.keys() == {"2026-10"}
    assert [path.name for path in world.output.iterdir() if path.name != ".lock"] == ["2026-10"]
    assert len((world.output / "2026-10" / "invoices.jsonl").read_text("utf-8").splitlines()) == 5


@SLOW
def test_killed_again_and_again(world: KafkaWorld) -> None:
    """An invoicer that dies at every transaction gets there all the same."""
    world.commit(usage(NOVEMBER_MS, "2026-11", 5))
    for _ in range(20):
        if world.run("--month", "2026-11", "--now", kill_at="committed:1")[0] == 0:
            break
    found = world.check_all_billed()
    assert found.closes.keys() == {"2026-10", "2026-11"}


def test_started_twice_at_once(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """Of two that close the same month, the later one wins; the other ends with a line that says why."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, close_chunk_invoices=1)
    world.commit(usage(OCTOBER_MS, "2026-10", 300))
    flags = ("--month", "2026-10", "--now")
    with world.invoicer(*flags) as first, world.invoicer(*flags) as second:
        said = [process.communicate(timeout=120)[0] for process in (first, second)]
        codes = [first.returncode, second.returncode]
    assert 0 in codes, said
    for code, text in zip(codes, said, strict=True):
        assert code == 0 or "another invoicer has taken over" in text, text
    found = world.check_all_billed()
    assert len(found.invoices) == 300


@pytest.mark.parametrize(
    "step",
    [
        Step.RECORDS_SENT,
        *(pytest.param(step, marks=SLOW) for step in (Step.TRANSACTION_BEGUN, Step.COMMITTED, Step.CHUNK_ISSUED)),
    ],
)
def test_a_zombie_is_fenced(world: KafkaWorld, step: Step) -> None:
    """An invoicer that was frozen in the middle while another one did the work, writes nothing when it wakes up."""
    flags = ("--month", "2026-10", "--now")
    with world.invoicer(*flags, freeze_at=f"{step.value}:2") as zombie:
        world.wait_until_frozen(zombie)
        code, said = world.run(*flags)
        assert code == 0, said
        zombie.send_signal(signal.SIGCONT)
        said = zombie.communicate(timeout=120)[0]
        assert "another invoicer has taken over" in said
        assert "Traceback" not in said
        assert zombie.returncode == 1
    assert len(world.check_all_billed().invoices) == 5
