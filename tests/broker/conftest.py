"""Brokers of a test's own, and the clients that tell what a broker holds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from broker.kafka_broker import KafkaBroker
from broker.ports import free_port

MakeBroker = Callable[[Literal[1, 3]], KafkaBroker]


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[MakeBroker]:
    """Make brokers with folders of their own; they are stopped after the test, started or not."""
    made: list[KafkaBroker] = []

    def make(nodes: Literal[1, 3] = 1) -> KafkaBroker:
        broker = KafkaBroker(tmp_path / f"kafka-{len(made)}", free_port(nodes), nodes)
        made.append(broker)
        return broker

    yield make
    for broker in made:
        broker.stop()
