"""Processor and invoicer tell an orchestrator how they are, and it is so."""

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from broker.kafka_broker import KafkaBroker
from broker.ports import free_port
from tests.pipeline import Pipeline, wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600), pytest.mark.slow("loss of a broker")]


def ready(port: int) -> tuple[int, dict[str, bool]]:
    """The status of /readyz, and each check by its name; 0 while nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            status, body = answer.status, answer.read()
    except HTTPError as error:
        status, body = error.code, error.read()
    except OSError:
        return 0, {}
    return status, {check["name"]: check["ok"] for check in json.loads(body)["checks"]}


def test_ready_is_so_with_the_broker_and_not_without(tmp_path: Path, unique_name: str) -> None:
    """Both are ready while they work, say which check fails when the broker is gone, and are ready again after it."""
    with (
        KafkaBroker(tmp_path / "kafka", free_port()) as broker,
        Pipeline(broker.bootstrap_servers, tmp_path, unique_name) as pipeline,
    ):
        ports = {"process": free_port(), "invoice": free_port()}
        processes = [
            pipeline.start("process", processor_port=ports["process"]),
            pipeline.start("invoice", invoicer_port=ports["invoice"]),
        ]
        for port in ports.values():
            wait_until(lambda port=port: ready(port)[0] == 200, 120.0, "ready")  # type: ignore[misc]
        assert ready(ports["process"])[1] == {"kafka": True, "counting": True}
        assert ready(ports["invoice"])[1] == {"kafka": True, "closing": True}
        broker.kill()
        for port in ports.values():
            wait_until(lambda port=port: ready(port)[1].get("kafka") is False, 120.0, "not ready")  # type: ignore[misc]
            assert urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).status == 200
        broker.restart_node()
        for port in ports.values():
            wait_until(lambda port=port: ready(port)[0] == 200, 120.0, "ready again")  # type: ignore[misc]
        assert [process.poll() for process in processes] == [None, None]
