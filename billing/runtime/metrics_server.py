"""Serves the metrics of a part to Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

from billing.errors import OperatorError
from billing.runtime.logs import get_logger

logger = get_logger(__name__)


@contextmanager
def metrics_served(registry: CollectorRegistry, host: str, port: int, setting: str) -> Iterator[int]:
    """Serve a registry at ``/metrics`` while the block runs; yields the port.

    Args:
        registry: what is served.
        host: address to listen on.
        port: port to listen on; 0 takes any free one.
        setting: the name of the setting that `port` comes from, for the error.

    Raises:
        OperatorError: the port can't be listened on.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise OperatorError(f"{setting} {port} cannot be served: {error.strerror}; set another one") from None
    try:
        logger.info("metrics served", port=server.server_port)
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
