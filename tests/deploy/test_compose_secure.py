"""The containers with access control: each has its own secrets and no others, and nothing secret stands in a file."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from billing.settings import load_settings
from qb.cli import make_parser
from qb.secrets.holders import ALL, GRAFANA, PARTS, PROMETHEUS, Holder
from tests.deploy.test_compose import DOCKERFILE, OURS, ROOT, SERVICES

SECURE = yaml.safe_load((ROOT / "docker-compose.secure.yml").read_text("utf-8"))
SECURED: dict[str, dict[str, Any]] = SECURE["services"]
PLACE = "/run/billing"
# What a part is given, and what the two others are, besides their scrape configuration and data sources.
OF_PART = {"ca.crt", "server.crt", "server.key", "web-config.yml", "keys.yml"}
HANDED = {
    **{part.name: OF_PART for part in PARTS},
    "prometheus": {"ca.crt", "server.crt", "server.key", "web-config.yml", "key", "prometheus-password"},
    "grafana": {"ca.crt", "key", "prometheus-password", "admin-password"},
}
every_holder = pytest.mark.parametrize("holder", ALL, ids=lambda holder: holder.name)
every_part = pytest.mark.parametrize("name", [part.name for part in PARTS])


def read(path: str) -> Any:
    """Return a YAML file of the project."""
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def test_every_server_is_secured() -> None:
    """All services but Kafka, which speaks no HTTP, and the generator, which serves nothing."""
    assert SECURED.keys() - {"secrets"} == SERVICES.keys() - {"kafka", "generator"} == {one.name for one in ALL}


@every_holder
def test_each_service_sees_its_own_secrets_alone(holder: Holder) -> None:
    """It may read them and change nothing; the store nobody but who makes them has."""
    mounted = [one for one in SECURED[holder.name]["volumes"] if one.startswith("secrets-")]
    assert mounted == [f"secrets-{holder.name}:{PLACE}:ro"]
    assert f"secrets-{holder.name}:/secrets/{holder.name}" in SECURED["secrets"]["volumes"]
    assert SECURED[holder.name]["depends_on"] == {"secrets": {"condition": "service_healthy"}}


def test_who_makes_secrets_has_nothing_else() -> None:
    """No network, no right but to give files away, no volume but those."""
    service = SECURED["secrets"]
    assert (service["cap_drop"], service["cap_add"], service["network_mode"]) == (["ALL"], ["CHOWN"], "none")
    assert service["read_only"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    folders = ["store", *(one.name for one in ALL)]
    assert sorted(service["volumes"]) == sorted(f"secrets-{name}:/secrets/{name}" for name in folders)
    named = {one.split(":")[0] for service in SECURED.values() for one in service["volumes"] if one[0] != "."}
    assert named == set(SECURE["volumes"])


def test_files_belong_to_the_user_who_reads_them() -> None:
    """The users of our image, of Prometheus and of Grafana are those that the files are given to."""
    (ours,) = set(re.findall(r"^USER (\d+):", DOCKERFILE, re.M))
    assert {str(part.user) for part in PARTS} == {ours}
    for holder in (PROMETHEUS, GRAFANA):
        assert SERVICES[holder.name]["user"].split(":")[0] == str(holder.user)


@every_part
def test_parts_ask_who_one_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its own files, with settings that are allowed; its health check trusts the deployment's authority."""
    for variable, value in {**SERVICES[name]["environment"], **SECURED[name]["environment"]}.items():
        monkeypatch.setenv(variable, str(value).partition(":-")[2].rstrip("}") or str(value))
    settings = load_settings({})
    assert (settings.web_config_file, settings.keys_file) == (f"{PLACE}/web-config.yml", f"{PLACE}/keys.yml")
    before, after = SERVICES[name]["healthcheck"]["test"], SECURED[name]["healthcheck"]["test"]
    assert after == [*before[:-1], before[-1].replace("http:", "https:"), f"{PLACE}/ca.crt"]


def test_the_command_that_makes_secrets_is_valid() -> None:
    """It parses, and its health check looks for the file that it makes at last."""
    arguments = make_parser().parse_args(SECURED["secrets"]["command"])
    assert (arguments.command.name, arguments.dir, arguments.watch) == ("secrets", Path("/secrets"), True)
    assert str(arguments.ready_file) == SECURED["secrets"]["healthcheck"]["test"][-1]
    assert SECURED["secrets"]["environment"]["QB_KEYS_FILE"] == "/secrets/store/keys.yml"
    assert SECURED["secrets"]["image"] == SERVICES["exporter"]["image"]
    assert OURS


@every_holder
def test_files_that_are_named_are_handed_out(holder: Holder) -> None:
    """By the service's settings, by its health check, by what it is configured with."""
    texts = [yaml.safe_dump(SECURED[holder.name])]
    if holder is PROMETHEUS:
        names = ("prometheus.secure.yml", "http-client.secure.yml")
        texts += [(ROOT / "prometheus" / name).read_text("utf-8") for name in names]
    if holder is GRAFANA:
        texts.append((ROOT / "grafana/secure/datasources/billing.yaml").read_text("utf-8"))
    named = {name for text in texts for name in re.findall(rf"{PLACE}/([\w.-]+)", text)}
    assert named
    assert named <= HANDED[holder.name]


def test_nothing_secret_stands_in_the_files() -> None:
    """No password, no key: paths alone. Nor does a variable of ours hold one."""
    for service in SECURED.values():
        for variable, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|KEY|TOKEN", variable) or "/" in value, variable
    for path in ("prometheus/prometheus.secure.yml", "prometheus/http-client.secure.yml", "docker-compose.secure.yml"):
        found = re.findall(r"^\s*(password|credentials|bearer_token|key|cert):", (ROOT / path).read_text("utf-8"), re.M)
        assert not found
    for source in read("grafana/secure/datasources/billing.yaml")["datasources"]:
        assert all("$__file{" in value for value in source["secureJsonData"].values())


def test_the_secure_scrape_configuration_asks_the_same() -> None:
    """It differs from the other in how it asks, which each job says."""
    secure, plain = read("prometheus/prometheus.secure.yml"), read("prometheus/prometheus.yml")
    for job in secure["scrape_configs"]:
        assert job.pop("scheme") == "https"
        assert job.pop("tls_config")["ca_file"] == f"{PLACE}/ca.crt"
        assert bool(job.pop("authorization", None)) != bool(job.pop("basic_auth", None))
    assert secure["global"]["external_labels"].pop("billing_url").startswith("https:")
    plain["global"]["external_labels"].pop("billing_url")
    assert secure == plain


def test_the_secure_data_sources_are_the_others_with_what_they_are_asked_for() -> None:
    """Dashboards find them by the same uids; none may skip the certificate's check."""
    secure, plain = (
        {source["uid"]: source for source in read(path)["datasources"]}
        for path in ("grafana/secure/datasources/billing.yaml", "grafana/provisioning/datasources/billing.yaml")
    )
    assert secure.keys() == plain.keys()
    for uid, source in secure.items():
        assert {source[key] == plain[uid][key] for key in ("name", "type", "access", "editable")} == {True}
        assert plain[uid]["jsonData"].items() <= source["jsonData"].items()
        assert source["url"] == plain[uid]["url"].replace("http:", "https:")
        assert source["jsonData"]["tlsAuthWithCACert"] is True
        assert "tlsSkipVerify" not in source["jsonData"]
    assert secure["billing-json"]["jsonData"]["httpHeaderName1"] == "Authorization"
    assert secure["billing-json"]["secureJsonData"]["httpHeaderValue1"] == f"Bearer $__file{{{PLACE}/key}}"


def test_nobody_looks_into_grafana_unasked() -> None:
    """No anonymous viewer, a password from a file, and no volume that knows another one."""
    grafana = SECURED["grafana"]
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    # Compose makes one dollar of two.
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == f"$$__file{{{PLACE}/admin-password}}"
    (data,) = [one for one in grafana["volumes"] if one.endswith(":/var/lib/grafana")]
    assert data not in SERVICES["grafana"]["volumes"]


def test_prometheus_keeps_its_own_options() -> None:
    """The command is that of the other file, with another configuration and whom to let in."""
    plain, secure = SERVICES["prometheus"]["command"], SECURED["prometheus"]["command"]
    assert secure[0] == "--config.file=/etc/prometheus/prometheus.secure.yml"
    assert secure[1] == f"--web.config.file={PLACE}/web-config.yml"
    assert secure[2:] == plain[1:]
