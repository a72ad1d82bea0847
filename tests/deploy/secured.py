"""docker-compose.secure.yml without containers: its commands as processes, its volumes as folders of a test."""

import base64
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from billing.runtime.access.access import make_access
from billing.runtime.part_server import Listening, part_served
from billing.settings import load_settings
from broker.ports import free_port
from qb.secrets.holders import PARTS
from tests.deploy.test_compose import ROOT, SERVICES
from tests.deploy.test_compose_secure import PLACE, SECURED
from tests.pipeline import wait_until

ANSWER_SECONDS = 20.0


@dataclass(frozen=True)
class Secured:
    """Parts that run, each with what it was handed.

    Args:
        folder: has the folder of each service.
        ports: of each service.
    """

    folder: Path
    ports: Mapping[str, int]

    def placed(self, service: str, text: str) -> str:
        """Return a text of a service with its own folder in the place of its volume."""
        return text.replace(PLACE, str(self.folder / service))

    def handed(self, service: str, name: str) -> str:
        """Return the content of a file that a service was handed."""
        return (self.folder / service / name).read_text("utf-8")

    def ask(
        self, service: str, path: str, authorization: str | None = None, body: bytes | None = None
    ) -> tuple[int, str]:
        """Ask a service over TLS as its own name, and return status and body."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        url = f"https://localhost:{self.ports[service]}{path}"
        context = ssl.create_default_context(cafile=str(self.folder / "grafana" / "ca.crt"))
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def health(self, service: str) -> subprocess.CompletedProcess[str]:
        """Run the health check of a service."""
        command: Sequence[str] = SECURED[service]["healthcheck"]["test"][1:]
        port = re.search(r":(\d+)/", " ".join(command))
        assert port is not None
        words = [self.placed(service, word).replace(port[1], str(self.ports[service])) for word in command]
        words[0] = sys.executable
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """Make the secrets; then serve made-up data, and the metrics of the other parts, while the block runs."""
    with ExitStack() as stack:
        stack.enter_context(making_secrets(folder))
        others = [part.name for part in PARTS if part.name != "exporter"]
        ports = {name: stack.enter_context(part_of(folder, name)) for name in others}
        ports |= {"exporter": free_port(), "prometheus": free_port()}
        passwords = {"QB_WEB_CONFIG_FILE": str(folder / "prometheus" / "web-config.yml")}
        ports["by-password"] = stack.enter_context(part_of(folder, "processor", passwords))
        running = Secured(folder, ports)
        stack.enter_context(
            process(exporter_command(running), folder / "exporter.log", environment(folder, "exporter"))
        )
        wait_until(lambda: running.health("exporter").returncode == 0, 120, "the exporter is well")
        stack.enter_context(process(prometheus_command(running), folder / "prometheus.log", dict(os.environ)))
        wait_until(lambda: is_well(running), 120, "Prometheus is well")
        yield running


@contextmanager
def making_secrets(folder: Path) -> Iterator[None]:
    """Run the command of the service that makes secrets, which goes on while the block runs."""
    words = [word.replace("/secrets", str(folder)) for word in SECURED["secrets"]["command"]]
    words[words.index("--ready-file") + 1] = str(folder / "ready")
    folder.mkdir(exist_ok=True)
    with process([sys.executable, "-m", "qb", *words], folder / "secrets.log", dict(os.environ)):
        wait_until((folder / "ready").exists, 120, "secrets are handed out")
        yield


def environment(folder: Path, service: str) -> dict[str, str]:
    """Return the variables of a service, listening on this machine."""
    given = {**SERVICES[service]["environment"], **SECURED[service]["environment"]}
    values = {
        name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value))
        .replace(PLACE, str(folder / service))
        .replace("0.0.0.0", "127.0.0.1")
        for name, value in given.items()
    }
    return {**os.environ, **values}


@contextmanager
def part_of(folder: Path, name: str, variables: Mapping[str, str] = MappingProxyType({})) -> Iterator[int]:
    """Serve the metrics of a part with the access that its settings, or other variables, give; yields the port."""
    settings = load_settings({}, {**environment(folder, name), **variables})
    registry = CollectorRegistry()
    at = Listening(name, "127.0.0.1", 0, settings.allowed_hosts)
    with part_served(registry, list, at, make_access(settings, registry)) as port:
        yield port


def exporter_command(running: Secured) -> list[str]:
    """Return how the exporter is started, on made-up data."""
    port = str(running.ports["exporter"])
    return [sys.executable, "-m", "qb", *SERVICES["exporter"]["command"], "--standalone", "--exporter-port", port]


def prometheus_command(running: Secured) -> list[str]:
    """Return how Prometheus is started, with its configuration for containers on ports of this machine."""
    folder = running.folder
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(prometheus_config(running)), "utf-8")
    return [
        "prometheus",
        f"--config.file={config}",
        f"--web.config.file={folder / 'prometheus' / 'web-config.yml'}",
        f"--web.listen-address=127.0.0.1:{running.ports['prometheus']}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
    ]


def prometheus_config(running: Secured) -> Any:
    """Return prometheus.secure.yml with the places of a test."""
    text = (ROOT / "prometheus" / "prometheus.secure.yml").read_text("utf-8")
    config = yaml.safe_load(running.placed("prometheus", text))
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(ROOT / "prometheus" / "rules" / "*.yml")]
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{running.ports[job['job_name']]}"]}]
    config["scrape_configs"] += documented_jobs(running)
    return config


def documented_jobs(running: Secured) -> list[Any]:
    """Return the jobs of docs/access.md, which ask the exporter with a key and a processor with a password."""
    text = (ROOT / "docs" / "access.md").read_text("utf-8").partition("```yaml\nscrape_configs:")[2].partition("```")[0]
    handed = running.folder / "prometheus"
    places = {
        "/etc/prometheus/billing-key": handed / "key",
        "/etc/prometheus/billing-password": handed / "prometheus-password",
        "/etc/prometheus/billing-ca.crt": handed / "ca.crt",
        "exporter.example:8080": f"localhost:{running.ports['exporter']}",
        "processor.example:9108": f"localhost:{running.ports['by-password']}",
    }
    for documented, here in places.items():
        assert documented in text
        text = text.replace(documented, str(here))
    jobs: list[Any] = yaml.safe_load("jobs:" + text)["jobs"]
    return [{**job, "job_name": f"documented-{job['job_name']}"} for job in jobs]


@contextmanager
def process(command: Sequence[str], log: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Run a process while the block runs."""
    with log.open("wb") as file:
        started = subprocess.Popen(command, cwd=ROOT, env=dict(variables), stdout=file, stderr=file)
    try:
        yield
    finally:
        started.terminate()
        started.wait(60)


def is_well(running: Secured) -> bool:
    """Say whether Prometheus answers whoever knows a password."""
    try:
        return running.ask("prometheus", "/-/ready", basic(running, "prometheus"))[0] == 200
    except OSError:
        return False


def basic(running: Secured, user: str) -> str:
    """Return what a user of Prometheus shows."""

    password = running.handed(user, "prometheus-password")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
