"""Waiting until a broker answers its clients."""

import time
from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from billing.runtime.logs import get_logger, silent_client_logger

logger = get_logger(__name__)

_ASK_TIMEOUT_SECONDS = 0.5
_PAUSE_SECONDS = 0.05


def wait_until_ready(server: str, nodes: int, deadline: float, check: Callable[[], None]) -> bool:
    """Wait until the broker at `server` (`host:port`) answers and knows `nodes` live nodes; say whether it did.

    `deadline` is a time of :func:`time.monotonic`. `check` is called now and then, and ends the wait by raising.
    """
    # Before the broker listens each attempt fails, which is no news: the client keeps that to itself.
    quiet = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}
    client = AdminClient({"bootstrap.servers": server, **quiet}, logger=silent_client_logger())
    while time.monotonic() < deadline:
        check()
        try:
            if len(client.list_topics(timeout=_ASK_TIMEOUT_SECONDS).brokers) >= nodes:
                return True
        except KafkaException:
            logger.debug("broker does not answer yet", server=server)
        time.sleep(_PAUSE_SECONDS)
    return False
