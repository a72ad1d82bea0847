"""The containers: what can be known of them without starting one."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from billing.settings import Settings, load_settings
from qb.cli import make_parser

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
COMMANDS = {
    "budgets": "budgets",
    "exporter": "export",
    "generator": "generate",
    "invoicer": "invoice",
    "notifier": "notify",
    "processor": "process",
}
# Writes below /opt/kafka when it starts.
WRITABLE_ROOT = {"kafka"}


def test_ours_are_the_six_parts() -> None:
    """Each part that runs for ever is a service."""
    assert set(OURS) == COMMANDS.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_healthcheck(name: str) -> None:
    """So that `docker compose ps` tells the truth, and others can wait for it."""
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    """No capabilities, no new privileges, and a root that cannot be written where the image allows it."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("user", "").split(":")[0] not in ("0", "root")
    assert service.get("read_only", False) is (name not in WRITABLE_ROOT)


@pytest.mark.parametrize("name", OURS)
def test_our_command_lines_and_settings_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command parses, and every variable is a setting with a value that is allowed."""
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, str(value).partition(":-")[2].rstrip("}") or str(value))

    arguments = make_parser().parse_args(SERVICES[name]["command"])
    settings = load_settings({})

    assert arguments.command.name == COMMANDS[name]
    assert settings.bootstrap_servers == "kafka:19092"
    assert settings.currency == "EUR"


@pytest.mark.parametrize("name", OURS)
def test_our_services_wait_for_kafka(name: str) -> None:
    """They start when Kafka is well, not only there."""
    assert SERVICES[name]["depends_on"] == {"kafka": {"condition": "service_healthy"}}


def test_the_image_is_reached_from_outside_it() -> None:
    """Every address that a part listens on is set, in the image and in the services: elsewhere it is this machine's."""
    hosts = {f"QB_{name.upper()}" for name in Settings.model_fields if name.endswith("_host")}
    assert set(re.findall(r"(QB_\w+_HOST)=0\.0\.0\.0", DOCKERFILE)) == hosts
    set_in_services = [key for name in OURS for key in SERVICES[name]["environment"] if key in hosts]
    assert sorted(set_in_services) == sorted(hosts)


def test_what_prometheus_calls_by_name_answers_to_it() -> None:
    """A part refuses names that are not its own."""
    config = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text("utf-8"))
    for job in config["scrape_configs"]:
        for target in [one for static in job.get("static_configs", []) for one in static["targets"]]:
            name = target.partition(":")[0]
            assert name == "localhost" or name in SERVICES[name]["environment"]["QB_ALLOWED_HOSTS"].split(",")


def test_docker_may_read_what_the_image_is_made_of() -> None:
    """Each folder that the Dockerfile copies is let through by .dockerignore."""
    copied = {word for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.M) for word in line.split()[:-1]}
    let_through = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text("utf-8"), re.M)
    assert copied
    assert copied <= set(let_through)


def test_processors_can_be_scaled() -> None:
    """Nothing about the processor can exist only once: no name, no port of the host."""
    assert not {"container_name", "hostname", "ports"} & SERVICES["processor"].keys()


def test_what_must_last_lies_in_named_volumes() -> None:
    """Records, state, invoices, metrics: each has a volume that outlives its container."""
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    named = {volume for volume in used if not volume.startswith(".")}
    assert named == set(COMPOSE["volumes"]) >= {"kafka-data", "processor-state", "invoices", "prometheus-data"}


def test_mounted_folders_are_there() -> None:
    """Docker would make an empty folder for a missing one, and the service would start without its files."""
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    for folder in mounted:
        assert not folder.startswith(".") or any((ROOT / folder).iterdir()), folder


def test_ports_listen_on_this_machine_only() -> None:
    """Nothing here asks who one is, so nothing is offered to the network."""
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_image_is_not_run_by_root() -> None:
    """The last USER of the Dockerfile is a number, which Kubernetes can check, and it is not root's."""
    users = [line.split()[1] for line in DOCKERFILE.splitlines() if line[:5] == "USER "]
    assert users
    assert int(users[-1].split(":")[0]) > 0


@pytest.mark.parametrize("more", [[], ["docker-compose.noplugin.yml"], ["docker-compose.secure.yml"]])
def test_docker_compose_understands_the_files(more: list[str]) -> None:
    """The tool itself finds no fault."""
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed")
    command = [
        "docker-compose",
        *(argument for file in ["docker-compose.yml", *more] for argument in ("-f", file)),
        "config",
        "-q",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
