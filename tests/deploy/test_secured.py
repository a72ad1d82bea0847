"""The variant with access control at work: a real Prometheus scrapes over TLS, and Grafana's sources are let in."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from qb.secrets.holders import PARTS
from tests.deploy.secured import Secured, basic, prometheus_config, secured
from tests.deploy.test_compose import ROOT
from tests.pipeline import wait_until

pytestmark = [
    pytest.mark.timeout(600),
    *(
        pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is missing; on Debian: apt install prometheus")
        for tool in ("prometheus", "promtool")
    ),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("secured")) as running:
        yield running


def asked(running: Secured, path: str) -> Any:
    """Return what Prometheus answers Grafana."""
    status, body = running.ask("prometheus", f"/api/v1/{path}", basic(running, "grafana"))
    assert status == 200, body
    return json.loads(body)["data"]


def test_prometheus_scrapes_with_keys_and_a_password(running: Secured) -> None:
    """All jobs are up, those of the docs too: by a key, and by a password; and each part says that it asks."""

    def health() -> dict[str, str]:
        targets = asked(running, "targets")["activeTargets"]
        return {target["labels"]["job"]: target["health"] + target["lastError"] for target in targets}

    parts = [*(part.name for part in PARTS), "documented-exporter", "documented-processor"]
    expected = dict.fromkeys([*parts, "prometheus"], "up")
    wait_until(lambda: health() == expected, 120, "everything is scraped")
    shown = asked(running, "query?query=billing_access_control")["result"]
    assert {one["metric"]["job"]: one["value"][1] for one in shown} == dict.fromkeys(parts, "1")


def test_promtool_finds_the_configuration_valid(running: Secured) -> None:
    """With every file that it names, and the file by which Prometheus lets people in."""
    web_config = running.folder / "prometheus" / "web-config.yml"
    for command in (["check", "config", running.folder / "prometheus.yml"], ["check", "web-config", web_config]):
        done = subprocess.run(["promtool", *map(str, command)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert prometheus_config(running)["scrape_configs"]


@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_health_checks_work_over_tls(running: Secured, name: str) -> None:
    """Without a key, and only for a server of the deployment's own authority."""
    assert running.health(name).returncode == 0
    other = Secured(running.folder, {**running.ports, name: running.ports["prometheus"]})
    assert other.health(name).returncode == 1


def test_prometheus_is_asked_for_nothing_by_strangers(running: Secured) -> None:
    """Its numbers are the same money."""
    assert running.ask("prometheus", "/api/v1/query?query=up")[0] == 401
    assert running.ask("prometheus", "/api/v1/query?query=up", "Basic Z3JhZmFuYTp4")[0] == 401


@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_metrics_need_a_key_that_reaches_them(running: Secured, name: str) -> None:
    """Nobody without one; Grafana's, which may read, does not scrape; Prometheus' does."""
    assert running.ask(name, "/metrics")[0] == 401
    assert running.ask(name, "/metrics", f"Bearer {running.handed('grafana', 'key')}")[0] == 403
    assert running.ask(name, "/metrics", f"Bearer {running.handed('prometheus', 'key')}")[0] == 200


def test_a_key_that_is_given_while_it_runs_is_taken(running: Secured) -> None:
    """As docs/access.md tells an operator; taken back, it is refused. Nobody restarts anything."""
    variables = {**os.environ, "QB_KEYS_FILE": str(running.folder / "store" / "keys.yml")}

    def keys(*words: str) -> str:
        command = [sys.executable, "-m", "qb", "keys", *words]
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=True).stdout

    key = keys("add", "me", "--scope", "admin").strip()

    def status() -> int:
        return running.ask("exporter", "/customers", f"Bearer {key}")[0]

    wait_until(lambda: status() == 200, 60, "the key is taken")
    keys("revoke", "me")
    wait_until(lambda: status() == 401, 60, "the key is refused")


def test_grafanas_data_source_is_let_in(running: Secured) -> None:
    """With the header that is provisioned; with another it is told 403, at which no browser asks for a password."""
    sources = yaml.safe_load((ROOT / "grafana/secure/datasources/billing.yaml").read_text("utf-8"))["datasources"]
    (source,) = [one for one in sources if one["uid"] == "billing-json"]
    header = expanded(running, source["secureJsonData"]["httpHeaderValue1"])
    question = json.dumps({"targets": [{"target": "types", "refId": "A", "payload": {}}]}).encode()
    status, body = running.ask("exporter", "/query", header, question)
    assert (status, json.loads(body)[0]["refId"]) == (200, "A")
    assert "BEGIN CERTIFICATE" in expanded(running, source["secureJsonData"]["tlsCACert"])
    for wrong in (None, f"{header}x", f"Bearer {running.handed('prometheus', 'key')}"):
        status, body = running.ask("exporter", "/query", wrong, question)
        assert (status, json.loads(body)["error"]["code"]) == (403, "forbidden"), wrong


def expanded(running: Secured, value: str) -> str:
    """Return a value with the files in it, as Grafana reads it."""
    text = running.placed("grafana", value)
    return re.sub(r"\$__file\{(.*)\}", lambda found: Path(found[1]).read_text("utf-8").strip(), text)
