"""Ports are looked at before anything is started."""

import socket
import threading
from collections.abc import Iterator

import pytest

from billing.errors import OperatorError
from broker.ports import free_port
from qb.demo.port_check import PortNeed, require_ports


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port that something listens on."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_free_ports_are_fine() -> None:
    """Nothing happens."""
    first = free_port(2)
    require_ports([PortNeed(first, "one", "--one"), PortNeed(first + 1, "two", "--two")])


def test_a_taken_port_is_named_with_its_flag(taken: socket.socket) -> None:
    """In a line for each that is taken."""
    port = port_of(taken)
    with pytest.raises(OperatorError) as refused:
        require_ports([PortNeed(port, "the page", "--exporter-port"), PortNeed(free_port(), "Kafka", "--kafka-port")])
    assert str(refused.value) == (
        f"port {port}, which the page needs, is taken: stop what listens there, "
        "or choose another port with --exporter-port"
    )


def test_what_is_about_to_end_is_waited_for(taken: socket.socket) -> None:
    """After a kill the processes of the demo before may take a moment."""
    port = port_of(taken)
    threading.Timer(0.5, taken.close).start()
    require_ports([PortNeed(port, "the page", "--exporter-port")], patience_seconds=20)


def test_the_same_port_twice_is_refused() -> None:
    """Each would wait for the other to go away."""
    with pytest.raises(OperatorError, match="port 9108 is wanted for the page and the processor: change --b"):
        require_ports([PortNeed(9108, "the page", "--a"), PortNeed(9108, "the processor", "--b")])


def test_a_number_that_is_no_port_is_refused() -> None:
    """Before Kafka stumbles over it."""
    with pytest.raises(OperatorError, match=r"port 70000 for Kafka is not between 1 and 65535.*--kafka-port"):
        require_ports([PortNeed(70_000, "Kafka", "--kafka-port")])
