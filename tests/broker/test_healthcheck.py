"""What a container says of itself."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from billing.runtime.healthcheck import main
from broker.ports import free_port
from tests.conftest import Kafka


class Handler(BaseHTTPRequestHandler):
    """Well at /readyz, not yet elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def test_page_decides(capsys: pytest.CaptureFixture[str]) -> None:
    """200 is well; 503, or nobody there, is not, and the reason is printed."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert main([f"{address}/readyz"]) == 0
        assert main([f"{address}/"]) == 1
        assert "503" in capsys.readouterr().out
        server.shutdown()
        thread.join()
    assert main([f"{address}/readyz"]) == 1
    assert "refused" in capsys.readouterr().out


def test_kafka_decides_without_a_page(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part without a port is well if it reaches Kafka."""
    monkeypatch.setenv("QB_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    assert main([]) == 0

    monkeypatch.setattr("billing.runtime.healthcheck._TIMEOUT_SECONDS", 0.5)
    monkeypatch.setenv("QB_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    assert main([]) == 1
