"""Provisioning against the dashboards, the scrape configuration and the compose files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana.committed import GRAFANA, dashboards

ROOT = GRAFANA.parent
VARIANTS = [GRAFANA / "provisioning", GRAFANA / "infinity" / "provisioning"]


def load(path: Path) -> Any:
    """Return a YAML file."""
    return yaml.safe_load(path.read_text("utf-8"))


def sources(variant: Path) -> dict[str, dict[str, Any]]:
    """Return a variant's data sources by uid."""
    return {source["uid"]: source for source in load(variant / "datasources" / "billing.yaml")["datasources"]}


def services(*files: str) -> Any:
    """Return the services of a compose file."""
    return load(ROOT.joinpath(*files))["services"]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.parent.name)
def test_data_sources_are_reached_through_grafana(variant: Path) -> None:
    """Each has a fixed uid and a service's name for an address, without a trailing slash."""
    known = services("docker-compose.yml")
    for source in sources(variant).values():
        assert source["access"] == "proxy"
        assert source["editable"] is False
        host, _, port = source["url"].removeprefix("http://").partition(":")
        assert host in known
        assert port.isdigit()


def test_dashboards_find_their_data_sources() -> None:
    """Every uid that a dashboard names is provisioned, with the type that the dashboard expects."""
    provisioned = {uid: source["type"] for variant in VARIANTS for uid, source in sources(variant).items()}
    provisioned |= {"${datasource}": "prometheus", "-- Grafana --": "grafana"}
    for board in dashboards().values():
        for part in [*board["panels"], *board["annotations"]["list"], *board["templating"]["list"]]:
            if source := part.get("datasource"):
                assert provisioned[source["uid"]] == source["type"]


def test_scrape_interval_is_that_of_prometheus() -> None:
    """Grafana knows how often Prometheus scrapes, or its rate intervals are too short."""
    interval = load(ROOT / "prometheus" / "prometheus.yml")["global"]["scrape_interval"]
    for variant in VARIANTS:
        assert sources(variant)["prometheus"]["jsonData"]["timeInterval"] == interval


def test_both_variants_have_the_same_prometheus() -> None:
    """The Infinity variant replaces the JSON data source and nothing else."""
    default, infinity = (sources(variant) for variant in VARIANTS)
    assert default["prometheus"] == infinity["prometheus"]
    assert default.keys() - infinity.keys() == {"billing-json"}
    assert infinity.keys() - default.keys() == {"billing-infinity"}


@pytest.mark.parametrize(
    ("variant", "compose"),
    [(VARIANTS[0], ("docker-compose.yml",)), (VARIANTS[1], ("grafana", "infinity", "docker-compose.yml"))],
    ids=["default", "infinity"],
)
def test_folders_are_mounted_where_they_are_looked_for(variant: Path, compose: tuple[str, ...]) -> None:
    """Provisioning is mounted where Grafana reads it, dashboards where provisioning says they are."""
    mounts = dict(volume.split(":")[:2] for volume in services("docker-compose.yml")["grafana"]["volumes"])
    mounts |= dict(volume.split(":")[:2] for volume in services(*compose)["grafana"]["volumes"])
    inside = {target: (ROOT / source).resolve() for source, target in mounts.items()}
    assert inside["/etc/grafana/provisioning"] == variant.resolve()
    for provider in load(variant / "dashboards" / "billing.yaml")["providers"]:
        assert list(inside[provider["options"]["path"]].glob("*.json"))
        assert provider["allowUiUpdates"] is False


def test_plugins_are_pinned() -> None:
    """The plugin that a data source needs is installed at start, in a fixed version."""
    for compose, plugin in (
        (("docker-compose.yml",), "simpod-json-datasource"),
        (("grafana", "infinity", "docker-compose.yml"), "yesoreyeram-infinity-datasource"),
    ):
        name, _, version = services(*compose)["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"].partition("@")
        assert name == plugin
        assert version
