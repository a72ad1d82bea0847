"""`qb broker`: the embedded broker in the foreground, until Ctrl-C."""

import argparse
import sys
import time
from pathlib import Path
from typing import Literal, NoReturn

from billing.runtime.signals import interrupted_once_by_signals
from billing.settings import Settings
from broker.download_display import show_download
from broker.errors import BrokerError
from broker.jar_lock import kafka_version
from broker.kafka_broker import DEFAULT_PORT, KafkaBroker

DEFAULT_DIRECTORY = Path("demo-data/kafka")
_CHECK_EVERY_SECONDS = 0.2


def run(_: Settings, arguments: argparse.Namespace) -> int:
    """Run the broker that the arguments describe until it is told to stop, and return the exit code.

    Raises:
        BrokerError: it cannot start, and the message says what to do.
    """
    return run_broker(arguments.dir, arguments.port, arguments.nodes)


def run_broker(directory: Path = DEFAULT_DIRECTORY, port: int = DEFAULT_PORT, nodes: Literal[1, 3] = 1) -> int:
    """Run the broker in `directory` until SIGINT or SIGTERM, then stop it in order and return 0.

    Says on standard output where clients find it. A single dead node of three is only reported: the others carry on.

    Raises:
        BrokerError: it cannot start, or so many nodes died that it no longer takes records.
    """
    broker = KafkaBroker(directory, port, nodes)
    with interrupted_once_by_signals():
        try:
            with show_download(sys.stderr) as report:
                broker.start(report=report)
            print(_greeting(broker), flush=True)
            _watch(broker)
        except KeyboardInterrupt:
            return 0
        finally:
            broker.stop()


def _greeting(broker: KafkaBroker) -> str:
    where = broker.bootstrap_servers.replace("127.0.0.1", "localhost")
    return f"Apache Kafka {kafka_version()} ready on {where} (data in {broker.directory}); Ctrl-C stops it"


def _watch(broker: KafkaBroker) -> NoReturn:
    """Raise when fewer nodes run than a record needs: one of one, two of three."""
    nodes = len(broker.pids)
    needed = nodes // 2 + 1
    reported: set[int] = set()
    while True:
        dead = {index for index, pid in enumerate(broker.pids) if pid is None}
        for index in sorted(dead - reported):
            print(f"node {index} ended; its log is {broker.directory}/node-{index}/kafka.log", flush=True)
        if nodes - len(dead) < needed:
            raise BrokerError(
                f"{len(dead)} of {nodes} nodes ended, so the broker takes no more records; "
                f"see the log in {broker.directory}/node-{min(dead)}/kafka.log and start it again"
            )
        reported = dead
        time.sleep(_CHECK_EVERY_SECONDS)
