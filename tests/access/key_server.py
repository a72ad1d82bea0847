"""The address where a provider of the tests publishes its keys: it rotates them, hangs, and lies."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


def body(content: bytes | str, status: int = 200, **headers: str) -> Answer:
    """An answer with a body."""
    encoded = content.encode() if isinstance(content, str) else content

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(encoded)))
        request.end_headers()
        request.wfile.write(encoded)

    return answer


class KeyServer:
    """What it answers, and how often it was asked.

    Args:
        tls: what connections are taken with; None: plain HTTP.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._scheme = "https" if tls else "http"
        self._answer = body("not yet", 503)
        self.paths: list[str] = []
        self.released = threading.Event()
        self._asked = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def address(self) -> str:
        """Of the keys."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/keys"

    def says(self, answer: Answer) -> None:
        """Answer so from now on."""
        self._answer = answer

    def wait_until_asked(self, times: int) -> None:
        """Wait until it was asked so often."""
        with self._asked:
            assert self._asked.wait_for(lambda: len(self.paths) >= times, 60)

    def hang(self, _: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the end of the test."""
        self.released.wait(60)

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """Answer byte by byte, without an end."""
        request.send_response(200)
        request.end_headers()
        while not self.released.wait(0.05):
            request.wfile.write(b" ")
            request.wfile.flush()

    def flood(self, request: BaseHTTPRequestHandler) -> None:
        """Answer without an end, as fast as possible."""
        request.send_response(200)
        request.end_headers()
        while not self.released.is_set():
            request.wfile.write(b" " * 65_536)

    @contextmanager
    def running(self) -> Iterator["KeyServer"]:
        """Answer while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with server._asked:
                    server.paths.append(self.path)
                    server._asked.notify_all()
                try:
                    server._answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Nothing to tell."""

        return Handler


@contextmanager
def key_server(tls: ssl.SSLContext | None = None) -> Iterator[KeyServer]:
    """A server of keys while the block runs."""
    with KeyServer(tls).running() as server:
        yield server
