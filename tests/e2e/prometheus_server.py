"""A real Prometheus for a test, with the project's rules and its scrape configuration for one machine."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from broker.ports import free_port
from tests.pipeline import wait_until

FOLDER = Path(__file__).parent.parent.parent / "prometheus"

Result = list[dict[str, Any]]


class PrometheusError(AssertionError):
    """Prometheus refuses a query; the message is its own."""


class PrometheusServer:
    """Scrapes parts that run as processes, each second. Leaving it stops it.

    Args:
        directory: where its data, configuration and log go.
        ports: the port of each scrape job.
    """

    def __init__(self, directory: Path, ports: Mapping[str, int]) -> None:
        self._directory = directory
        self._port = free_port()
        self._jobs = {**ports, "prometheus": self._port}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PrometheusServer":
        config = self._directory / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config()), "utf-8")
        with (self._directory / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={config}",
                    f"--storage.tsdb.path={self._directory / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, what="Prometheus is ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(120)

    def query(self, expression: str) -> Result:
        """Return the value of an expression now.

        Raises:
            PrometheusError: it is refused.
        """
        result: Result = self._get("query", query=expression)["result"]
        return result

    def rules(self) -> Result:
        """Return all rules, as Prometheus last evaluated them."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def targets(self) -> dict[str, str]:
        """Return the health of each scrape job's target."""
        return {target["labels"]["job"]: target["health"] for target in self._get("targets")["activeTargets"]}

    def wait_for_scrapes(self, seconds: float) -> None:
        """Let time pass in which Prometheus scrapes."""
        time.sleep(seconds)

    def _config(self) -> Any:
        config = yaml.safe_load((FOLDER / "prometheus.local.yml").read_text("utf-8"))
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(FOLDER / pattern) for pattern in config["rule_files"]]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [f"127.0.0.1:{self._jobs[job['job_name']]}"]}]
        return config

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise PrometheusError(f"{parameters}: {error.read().decode()}") from None
