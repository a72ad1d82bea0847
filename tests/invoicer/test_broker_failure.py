"""The invoicer while the broker is killed under it."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from broker.kafka_broker import KafkaBroker
from broker.ports import free_port
from tests.invoicer.kafka_world import KafkaWorld
from tests.invoicer.test_service import STILL, event
from tests.pipeline import wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600), pytest.mark.slow("brokers that fail")]

STOP_SECONDS = 15
# How long an invoicer may take to notice that no broker answers.
NOTICED_SECONDS = 120


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker of the test's own: it may be killed."""
    with KafkaBroker(tmp_path / "kafka", free_port()) as broker:
        yield broker


def test_the_service_survives_the_broker(broker: KafkaBroker, topic_prefix: str, tmp_path: Path) -> None:
    """Killed while months close, and back again: the invoicer goes on by itself, and everything is billed once."""
    port = free_port()
    world = KafkaWorld(
        broker.bootstrap_servers, topic_prefix, tmp_path, close_chunk_invoices=1, invoicer_port=port, **STILL
    )
    world.commit([event(n % 2, "2025-01", 9, f"C{n}", 1_000_000) for n in range(40)])
    with world.invoicer() as service:
        told = world.read_until(service, "invoicer runs")
        world.commit([event(0, "2025-02", 20, "C0", 1), event(1, "2025-02", 20, "C1", 1)])
        wait_until(lambda: bool(world.ledger().invoices), what="the first invoice")
        broker.kill()
        wait_until(lambda: "no broker answers" in readiness(port), what="the invoicer notices")
        assert service.poll() is None
        broker.restart_node()
        world.wait_for(["2025-01"], timeout_seconds=90)
        code, said = world.stop(service)
    assert code == 0, said
    assert "Traceback" not in told + said
    assert len(world.check().invoices) == 40


def test_a_stop_without_a_broker(broker: KafkaBroker, topic_prefix: str, tmp_path: Path) -> None:
    """Asked to stop while no broker answers, it does so in a bounded time."""
    world = KafkaWorld(broker.bootstrap_servers, topic_prefix, tmp_path, **STILL)
    world.commit([event(0, "2025-01", 9, "C0", 1)])
    with world.invoicer() as service:
        world.read_until(service, "invoicer runs")
        broker.kill()
        world.read_until(service, "session lost", NOTICED_SECONDS)
        assert service.poll() is None
        began = time.monotonic()
        code, said = world.stop(service)
    assert code == 0, said
    assert time.monotonic() - began < STOP_SECONDS


def readiness(port: int) -> str:
    """What an invoicer says of how it is."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return str(answer.read().decode())
    except HTTPError as error:  # 503 is how it says no
        return error.read().decode()
