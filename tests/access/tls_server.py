"""A server that speaks TLS and nothing else."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.access.certificates import Pair


@contextmanager
def tls_server(identity: Pair) -> Iterator[str]:
    """Serve TLS with a certificate, and end each connection; give the address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.cert, identity.key)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
