"""``qb broker``: Apache Kafka for a laptop or a test."""

import argparse

from billing.runtime.broker_command import run_broker
from billing.settings import Settings


def run(_: Settings, arguments: argparse.Namespace) -> int:
    """Run the broker until it is told to stop, and return the exit code.

    Raises:
        BrokerError: it cannot start, and the message says what to do.
    """
    return run_broker(arguments.dir, arguments.port, arguments.nodes)
