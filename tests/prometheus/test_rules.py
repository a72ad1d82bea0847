"""The rules against what they lean on: the metrics, the runbook, their unit tests, the scrape configuration."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.promql import check

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "prometheus"

Rule = dict[str, Any]


def load(path: Path) -> Any:
    """Return a YAML file."""
    return yaml.safe_load(path.read_text("utf-8"))


@cache
def all_rules() -> list[Rule]:
    """Return the rules of all files."""
    return [
        rule for path in sorted(FOLDER.glob("rules/*.yml")) for group in load(path)["groups"] for rule in group["rules"]
    ]


def alerts() -> list[Rule]:
    """Return the alerting rules."""
    return [rule for rule in all_rules() if "alert" in rule]


def name_of(rule: Rule) -> str:
    """Return what a rule is called."""
    return str(rule.get("alert") or rule.get("record"))


@cache
def expectations() -> dict[str, list[list[Rule]]]:
    """Return what the unit tests expect of each alert: at each time, the alerts that fire."""
    expected: dict[str, list[list[Rule]]] = {}
    for path in sorted(FOLDER.glob("tests/*.test.yml")):
        for test in load(path)["tests"]:
            for case in test.get("alert_rule_test", []):
                expected.setdefault(case["alertname"], []).append(case["exp_alerts"])
    return expected


@cache
def runbook_anchors() -> frozenset[str]:
    """Return the anchors of docs/runbook.md: those written out, and those that its headings get."""
    text = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    automatic = (re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return frozenset([*re.findall(r'<a id="([^"]+)"></a>', text), *automatic])


@pytest.mark.parametrize("rule", all_rules(), ids=name_of)
def test_rule_names_what_exists(rule: Rule) -> None:
    """Every metric and label of a rule is in docs/metrics.md."""
    assert check(rule["expr"])


@pytest.mark.parametrize("alert", alerts(), ids=name_of)
def test_alert_tells_what_to_do(alert: Rule) -> None:
    """An alert has a severity, says what is wrong, and names a section of the runbook that exists."""
    assert alert["labels"]["severity"] in {"critical", "warning"}
    annotations = alert["annotations"]
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    page, anchor = annotations["runbook_url"].split("#")
    assert page == "{{ $externalLabels.billing_url }}/runbook"
    assert anchor in runbook_anchors()


@pytest.mark.parametrize("alert", alerts(), ids=name_of)
def test_alert_is_tested_silent_and_firing(alert: Rule) -> None:
    """Each alert has a unit test in which it stays silent, and one in which it fires."""
    expected = expectations().get(alert["alert"], [])
    assert [] in expected
    assert any(expected)


def test_runbook_knows_no_alert_that_is_gone() -> None:
    """A section of the runbook that is called like an alert belongs to one."""
    known = {alert["alert"].lower() for alert in alerts()}
    assert {anchor for anchor in runbook_anchors() if re.fullmatch(r"billing[a-z]+", anchor)} <= known


def test_sections_that_error_messages_name_exist() -> None:
    """A part that stops and names a section of the runbook names one that is there."""
    named = {
        anchor
        for part in ("billing", "processor", "invoicer", "budgets", "notifier", "exporter", "qb")
        for path in (ROOT / part).rglob("*.py")
        for anchor in re.findall(r"docs/runbook\.md#([a-z-]+)", path.read_text("utf-8"))
    }
    assert {"state-and-offsets", "input-deleted"} <= named <= runbook_anchors()


def test_configurations_differ_in_their_targets_only() -> None:
    """The configuration for one machine is that of the containers but for the addresses."""

    def without_targets(name: str) -> Any:
        config = load(FOLDER / name)
        for job in config["scrape_configs"]:
            assert job.pop("static_configs", None) or job.pop("dns_sd_configs")
        return config

    assert without_targets("prometheus.yml") == without_targets("prometheus.local.yml")


def test_alerts_name_jobs_that_are_scraped() -> None:
    """The job that an alert on a process asks for is in the scrape configuration."""
    jobs = {job["job_name"] for job in load(FOLDER / "prometheus.yml")["scrape_configs"]}
    asked_for = {job for alert in alerts() for job in re.findall(r'job="([^"]+)"', alert["expr"])}
    assert asked_for == jobs - {"prometheus"}


@pytest.mark.parametrize("job", load(FOLDER / "prometheus.yml")["scrape_configs"], ids=lambda job: job["job_name"])
def test_scrapes_of_parts_are_limited(job: Rule) -> None:
    """A part that shows far too much cannot take Prometheus down."""
    if job["job_name"] != "prometheus":
        assert job["sample_limit"]
        assert job["body_size_limit"]
