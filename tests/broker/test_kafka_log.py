"""What the log of a broker that ended tells."""

import pytest

from broker.kafka_log import telling_lines

BIND = """\
2026-11-26 07:10:19,300 INFO [SocketServer listenerType=CONTROLLER, nodeId=2] Creating new acceptor
2026-11-26 07:10:19,400 ERROR Kafka$ Exiting Kafka due to fatal exception during startup.
org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:24001: Address already in use.
\tat kafka.network.Acceptor.openServerSocket(SocketServer.scala:722)
\tat kafka.Kafka.main(Kafka.scala)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
\t... 12 more
2026-11-26 07:10:19,401 INFO App info kafka.server for 2 unregistered"""


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("", "nothing"),
        ("2026-11-26 07:10:19,300 INFO starting", "2026-11-26 07:10:19,300 INFO starting"),
        (
            BIND,
            (
                "2026-11-26 07:10:19,400 ERROR Kafka$ Exiting Kafka due to fatal exception during startup. "
                "org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:24001: "
                "Address already in use. Caused by: java.net.BindException: Address already in use"
            ),
        ),
        ("2026-11-26 ERROR one\n2026-11-26 ERROR two\n2026-11-26 INFO done", "2026-11-26 ERROR two"),
    ],
)
def test_the_reason_is_told_whole(log: str, told: str) -> None:
    """The exception and its cause belong to the error; the trace and what came later do not."""
    assert telling_lines(log.splitlines()) == told
