"""The embedded broker: a cluster of one node or three, started and stopped as one."""

import json
import os
import secrets
import time
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from billing.runtime.file_lock import HeldElsewhereError, file_lock
from billing.runtime.logs import get_logger
from broker.errors import BrokerError
from broker.guard import Guard
from broker.jar_download import ReportDownload
from broker.java import find_java
from broker.kafka_config import NORMAL_SIZE, NodePorts, NodeSize
from broker.kafka_jars import ensure_jars
from broker.kafka_log import telling_lines
from broker.node import KafkaNode, Launch
from broker.ports import HOST, free_port, require_free
from broker.readiness import wait_until_ready
from broker.secured import Secured

logger = get_logger(__name__)

DEFAULT_PORT = 9092
_STOP_TIMEOUT_SECONDS = 15.0


class KafkaBroker:
    """Apache Kafka in `directory`, for clients on this machine.

    Node 0 listens on `port` of the loopback addresses, and of three nodes the others on the two ports after it. What
    the broker holds stays in `directory`: a later start goes on from it. `java` is the executable to use; by default
    it is looked for as :func:`broker.java.find_java` says. `size` is what each node is made for. `secured` adds
    listeners that take accounts to the one node; whoever uses `port` itself may still do everything.

    Started by one process and thread, and stopped by it; also a context manager that does both. If the process dies
    without stopping it, the nodes are stopped all the same.
    """

    def __init__(
        self,
        directory: Path,
        port: int = DEFAULT_PORT,
        nodes: Literal[1, 3] = 1,
        java: Path | None = None,
        size: NodeSize = NORMAL_SIZE,
        secured: Secured | None = None,
    ) -> None:
        if nodes not in (1, 3):
            raise ValueError(f"nodes is {nodes}, but a cluster has 1 or 3")
        if secured and nodes != 1:
            raise ValueError("accounts are for one node: the ports of a second one are not told")
        self.directory = directory.resolve()
        self.port = port
        self._java = java
        self._size = size
        self._secured = secured
        self._client_ports = range(port, port + nodes)
        self._ports: list[NodePorts] = []
        self._nodes: list[KafkaNode] = []
        self._launch: Launch | None = None
        self._resources = ExitStack()

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all nodes, as Kafka clients want them."""
        return ",".join(f"{HOST}:{port}" for port in self._client_ports)

    @property
    def pids(self) -> list[int | None]:
        """The process id of each node, None for one that does not run."""
        return [node.pid for node in self._nodes]

    def start(self, timeout_seconds: float = 60.0, report: ReportDownload | None = None) -> None:
        """Start all nodes, and return when they answer clients.

        The first start for a user downloads 45 MB, which `report` hears of; `timeout_seconds` counts from when the
        nodes start, not the download.

        Raises:
            BrokerError: it did not work. Then nothing is left running.
        """
        try:
            self._start(timeout_seconds, report)
        except OSError as error:
            self.stop()
            reason = error.strerror or str(error)
            raise BrokerError(f"cannot use {self.directory}: {reason}; choose another folder with --dir") from error
        except BaseException:
            self.stop()
            raise

    def _start(self, timeout_seconds: float, report: ReportDownload | None) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._take_directory()
        cluster_id = self._cluster_id()
        self._launch = Launch(find_java(self._java), ensure_jars(report), self._size)
        guard = Guard()
        self._resources.callback(guard.close)
        self._nodes = [
            KafkaNode(i, self.directory / f"node-{i}", guard, self._secured) for i in range(len(self._client_ports))
        ]
        for node in self._nodes:
            node.stop_orphan()
        for port in self._client_ports:
            require_free(port)
        self._choose_ports()
        started = time.monotonic()
        for node in self._nodes:
            node.prepare(self._launch, cluster_id, self._ports)
        for node in self._nodes:
            node.start(self._launch)
        self._wait_until_ready(self._nodes, timeout_seconds)
        logger.info(
            "broker ready",
            servers=self.bootstrap_servers,
            dir=self.directory,
            java=self._launch.java.version,
            seconds=round(time.monotonic() - started, 1),
        )

    def stop(self, timeout_seconds: float = _STOP_TIMEOUT_SECONDS) -> None:
        """Stop all nodes: ask first, and kill those that have not ended after `timeout_seconds`.

        Harmless if none runs. The data stays.
        """
        running = [node for node in self._nodes if node.pid is not None]
        for node in running:
            node.terminate()
        deadline = time.monotonic() + timeout_seconds
        for node in running:
            if not node.wait(max(0.0, deadline - time.monotonic())):
                logger.warning("broker did not stop in time and is killed", node=node.index, seconds=timeout_seconds)
                node.kill()
        self._resources.close()

    def kill(self, node: int = 0) -> None:
        """End a node at once, with SIGKILL, and return when it is gone; the others carry on."""
        self._nodes[node].kill()

    def restart_node(self, node: int = 0, timeout_seconds: float = 60.0) -> None:
        """Start a node again, after stopping it if it runs, and return when it answers clients.

        Raises:
            BrokerError: it does not start.
        """
        if self._launch is None:
            raise BrokerError("the broker has not been started yet")
        chosen = self._nodes[node]
        chosen.terminate()
        if not chosen.wait(_STOP_TIMEOUT_SECONDS):
            chosen.kill()
        chosen.start(self._launch)
        self._wait_until_ready([chosen], timeout_seconds)

    def alive(self, node: int | None = None) -> bool:
        """Say whether a node's process runs; without `node`, whether all do."""
        pids = self.pids if node is None else [self._nodes[node].pid]
        return bool(pids) and None not in pids

    def logs_tail(self, lines: int = 40, node: int = 0) -> str:
        """Return the last lines that a node logged."""
        return "\n".join(self._nodes[node].log_tail(lines)) if self._nodes else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_directory(self) -> None:
        """Make sure that nobody else runs a broker in the folder, now and until we stop."""
        try:
            self._resources.enter_context(file_lock(self.directory / "owner", wait=False))
        except HeldElsewhereError as error:
            raise BrokerError(
                f"a broker runs in {self.directory} already, by process {error.holder}; "
                "stop that one, or choose another folder with --dir"
            ) from error

    def _cluster_id(self) -> str:
        """Return the id of the cluster in the folder, which is made up if the folder is new."""
        nodes = len(self._client_ports)
        file = self.directory / "cluster.json"
        if file.exists():
            cluster = json.loads(file.read_text("utf-8"))
            if cluster["nodes"] != nodes:
                raise BrokerError(
                    f"{self.directory} holds a cluster of --nodes {cluster['nodes']}, not {nodes}; "
                    "start it that way, or choose another folder with --dir"
                )
            return str(cluster["cluster_id"])
        # 16 random bytes in base64, as Kafka writes them; a leading dash would look like a flag to its tools.
        cluster_id = "Q" + urlsafe_b64encode(secrets.token_bytes(16)).decode("ascii")[1:22]
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps({"cluster_id": cluster_id, "nodes": nodes}), "utf-8")
        os.replace(unfinished, file)
        return cluster_id

    def _choose_ports(self) -> None:
        taken = set(self._client_ports)
        self._ports = []
        for client in self._client_ports:
            controller = free_port(avoid=taken)
            taken.add(controller)
            self._ports.append(NodePorts(client, controller))

    def _wait_until_ready(self, nodes: list[KafkaNode], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        running = len(self.pids) - self.pids.count(None)
        for node in nodes:
            server = f"{HOST}:{self._client_ports[node.index]}"
            if not wait_until_ready(server, running, deadline, lambda: _require_running(nodes)):
                raise BrokerError(
                    f"Apache Kafka did not answer at {server} within {timeout_seconds:g} s; {_last_words(node)}"
                )


def _require_running(nodes: list[KafkaNode]) -> None:
    for node in nodes:
        if node.pid is None:
            raise BrokerError(f"Apache Kafka ended while it started (exit code {node.exit_code}); {_last_words(node)}")


def _last_words(node: KafkaNode) -> str:
    """Return where to read on, and what the log most likely tells of the reason."""
    return f"it logged: {telling_lines(node.log_tail(200))} (more in {node.log_file})"
