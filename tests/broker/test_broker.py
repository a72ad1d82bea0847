"""The embedded broker, for real: Java processes, sockets, signals, files."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.errors import BrokerError
from broker.guard import is_running
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port, has_ipv6
from tests.broker.clients import consume, create_topic, produce
from tests.broker.conftest import MakeBroker
from tests.conftest import Kafka


def test_shared_broker_takes_and_gives_records(kafka: Kafka, topic_prefix: str) -> None:
    """The cluster that all tests share works."""
    topic = f"{topic_prefix}numbers"
    create_topic(kafka.bootstrap_servers, topic)

    produce(kafka.bootstrap_servers, topic, range(100))

    assert consume(kafka.bootstrap_servers, topic, 100) == list(range(100))


@pytest.mark.slow("the embedded broker")
def test_records_outlive_a_restart_and_a_kill(make_broker: MakeBroker) -> None:
    """What was acknowledged is there after a stop and start, and after a kill and restart of the node."""
    broker = make_broker(1)
    broker.start()
    create_topic(broker.bootstrap_servers, "numbers")
    produce(broker.bootstrap_servers, "numbers", range(10))

    broker.stop()
    assert not broker.alive()
    broker.start()
    produce(broker.bootstrap_servers, "numbers", range(10, 20))

    broker.kill()
    assert not broker.alive()
    broker.restart_node()

    assert broker.alive()
    assert consume(broker.bootstrap_servers, "numbers", 20) == list(range(20))
    assert "Kafka Server started" in broker.logs_tail(1000)


@pytest.mark.slow("the embedded broker")
def test_a_killed_node_leaves_nothing_outside_its_folder(make_broker: MakeBroker) -> None:
    """The library that it unpacks for compressed records stays in its folder, and the next start removes it."""
    libraries = Path(tempfile.gettempdir())
    before = set(libraries.glob("liblz4-java-*"))
    broker = make_broker(1)
    broker.start()
    (pid,) = broker.pids
    create_topic(broker.bootstrap_servers, "numbers")
    produce(broker.bootstrap_servers, "numbers", range(1000), compression="lz4")

    assert not list(libraries.glob(f"hsperfdata_*/{pid}"))
    broker.kill()

    unpacked = set(broker.directory.glob("node-0/tmp/liblz4-java-*"))
    assert unpacked
    assert set(libraries.glob("liblz4-java-*")) <= before
    broker.restart_node()
    assert consume(broker.bootstrap_servers, "numbers", 1000) == list(range(1000))
    assert not unpacked & set(broker.directory.glob("node-0/tmp/*"))


@pytest.mark.slow("the embedded broker")
def test_three_nodes_survive_the_kill_of_any_one(make_broker: MakeBroker) -> None:
    """With one of three nodes dead, acks=all still acknowledges and nothing acknowledged is missing."""
    broker = make_broker(3)
    broker.start()
    create_topic(broker.bootstrap_servers, "numbers", replicas=3)
    produce(broker.bootstrap_servers, "numbers", range(100))

    broker.kill(0)
    produce(broker.bootstrap_servers, "numbers", range(100, 200))
    broker.restart_node(0)
    broker.kill(1)

    assert broker.alive(0)
    assert not broker.alive()
    produce(broker.bootstrap_servers, "numbers", range(200, 300))
    assert consume(broker.bootstrap_servers, "numbers", 300) == list(range(300))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker that runs and is left alone."""
    with KafkaBroker(tmp_path_factory.mktemp("running"), free_port()) as broker:
        yield broker


def test_second_broker_on_the_port_says_so(running: KafkaBroker, tmp_path: Path) -> None:
    """A taken port is named, with the flag that chooses another."""
    second = KafkaBroker(tmp_path, running.port)

    with pytest.raises(BrokerError, match=rf"^port {running.port} is taken; .* --port$"):
        second.start()

    assert not second.alive()
    assert running.alive()


def test_second_broker_in_the_folder_says_so(running: KafkaBroker) -> None:
    """Two brokers never share a folder, and the second leaves the first alone."""
    with pytest.raises(BrokerError, match=f"already, by process {os.getpid()}; .* --dir"):
        KafkaBroker(running.directory, free_port()).start()

    assert running.alive()


def test_every_meaning_of_localhost_is_served(running: KafkaBroker) -> None:
    """Clients that try ::1 first for `localhost` find the broker there as well, on machines that have IPv6."""
    servers = f"[::1]:{running.port}" if has_ipv6() else f"localhost:{running.port}"
    create_topic(servers, "numbers")
    produce(servers, "numbers", range(3))
    assert consume(running.bootstrap_servers, "numbers", 3) == [0, 1, 2]


def test_folder_of_another_size_of_cluster_is_refused(running: KafkaBroker, tmp_path: Path) -> None:
    """A folder of one node is not started as three."""
    shutil.copy(running.directory / "cluster.json", tmp_path)

    with pytest.raises(BrokerError, match="holds a cluster of --nodes 1, not 3"):
        KafkaBroker(tmp_path, free_port(3), 3).start()


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that is a file is an error of the operator, who is told which."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BrokerError, match=f"cannot use {tmp_path}/file/kafka: .* --dir"):
        KafkaBroker(tmp_path / "file" / "kafka", free_port()).start()


def test_broken_data_ends_in_one_line_with_the_reason(make_broker: MakeBroker) -> None:
    """When Kafka itself gives up at start, its last error is in the message."""
    broker = make_broker(1)
    data = broker.directory / "node-0" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=QueryableBilling00000A\n")

    with pytest.raises(BrokerError, match="ended while it started") as caught:
        broker.start()

    assert str(broker.directory / "node-0" / "kafka.log") in str(caught.value)
    assert "\n" not in str(caught.value)


OWNER = """
    import sys, time
    from pathlib import Path
    from broker.kafka_broker import KafkaBroker
    broker = KafkaBroker(Path(sys.argv[1]), int(sys.argv[2]))
    broker.start()
    print(broker.pids[0], broker._nodes[0]._guard._process.pid, flush=True)
    time.sleep(600)
"""


@contextmanager
def owner_of_broker(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A Python process that owns a broker, the pid of the broker and that of its guard. In the end it is killed."""
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(folder), str(free_port())], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with owner.stdout:
        broker_pid, guard_pid = map(int, owner.stdout.readline().split())
    yield owner, broker_pid, guard_pid
    owner.kill()
    owner.wait()


def wait_until_gone(pid: int, timeout_seconds: float = 30) -> None:
    deadline = time.monotonic() + timeout_seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def test_broker_ends_with_its_owner_even_killed(tmp_path: Path) -> None:
    """After kill -9 of the Python process no Java process is left."""
    with owner_of_broker(tmp_path) as (owner, broker_pid, _):
        assert is_running(broker_pid)
        owner.kill()

    wait_until_gone(broker_pid)


@pytest.mark.slow("the embedded broker")
def test_orphan_is_stopped_by_the_next_start(tmp_path: Path) -> None:
    """Should even the guard be killed, the next start in the folder ends the broker that was left, and works."""
    with owner_of_broker(tmp_path) as (_, broker_pid, guard_pid):
        os.kill(guard_pid, signal.SIGKILL)
    assert is_running(broker_pid)

    with KafkaBroker(tmp_path, free_port()) as broker:
        assert not is_running(broker_pid)
        assert broker.alive()
