"""A real Prometheus scrapes a running deployment: every expression of every dashboard and rule has an answer."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Kafka, new_name
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.prometheus_server import PrometheusServer
from tests.e2e.simpod import post, query_body
from tests.for_each import check_each
from tests.grafana.committed import PlacedTarget, targets
from tests.pipeline import wait_until
from tests.prometheus.test_rules import Rule, alerts, all_rules, name_of
from tests.promql import OF_PROMETHEUS, TARGET_LABELS, check, documented_metrics, interpolate

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.slow("dashboards and alerts in a real Prometheus"),
    *(
        pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is missing; on Debian: apt install prometheus")
        for tool in ("prometheus", "promtool")
    ),
]

LIVE_EVENTS_PER_SECOND = 40
# Enough for a rate over several scrapes, and for alerts that have no patience.
SCRAPED_SECONDS = 20
JOBS = ("exporter", "processor", "invoicer", "budgets", "notifier")
# What Prometheus itself adds to a scrape, and counters that have no series before something happens.
NOT_YET = {"prometheus_rule_evaluation_failures_total"}
# Those that are shown where tokens are taken; tests/access/test_token_settings.py has them.
OF_TOKENS = {
    "billing_tokens_refused_total",
    "billing_token_keys",
    "billing_token_keys_read_timestamp_seconds",
    "billing_token_keys_failures_total",
}
# What a deployment shows alone whose records are moved first; tests/moving look at them.
OF_MOVING = {
    "billing_moved_offset", "billing_processor_moved_records_total", "billing_processor_unmoved_records",
    "billing_unmoved_records",
}  # fmt: skip
PROMETHEUS_TARGETS = targets("prometheus")


@dataclass(frozen=True)
class Watched:
    """A deployment, the Prometheus that watches it, and the process that sends it events."""

    deployment: Deployment
    prometheus: PrometheusServer
    sender: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def watched(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A deployment with a history, closed months and live events, scraped for a while."""
    directory = tmp_path_factory.mktemp("scraped")
    with deployed(kafka.bootstrap_servers, directory, new_name()) as deployment:
        # A third of them bad, so that every counter of bad events moves.
        sender = deployment.pipeline.start(
            "generate", "live", rate=LIVE_EVENTS_PER_SECOND, malformed_share=0.3, late_share=0.2
        )
        wait_until(lambda: "billing_months_closed_total 2" in deployment.metrics("exporter"), what="two months closed")
        with PrometheusServer(directory, deployment.ports) as prometheus:
            wait_until(lambda: set(prometheus.targets().values()) == {"up"}, what="everything is scraped")
            ask_everything(deployment)
            prometheus.wait_for_scrapes(SCRAPED_SECONDS / 2)
            ask_everything(deployment)
            prometheus.wait_for_scrapes(SCRAPED_SECONDS / 2)
            yield Watched(deployment, prometheus, sender)


def ask_everything(deployment: Deployment) -> None:
    """Use the exporter, so that there are answer times to show."""
    for path in ("/customers", "/types", "/months", "/readyz"):
        deployment.get(path)


def scraped(expression: str) -> str:
    """Return an expression as Grafana sends it to a Prometheus that has been scraping for seconds."""
    return interpolate(expression.replace("$__rate_interval", "15s"))


def test_panels_show_something(watched: Watched) -> None:
    """A panel's query answers; with nothing only where the panel has a word for that."""

    def check_target(placed: PlacedTarget) -> None:
        result = watched.prometheus.query(scraped(placed.target["expr"]))
        assert result or placed.empty_is_fine

    check_each(PROMETHEUS_TARGETS, check_target)


def test_hardly_a_panel_is_empty(watched: Watched) -> None:
    """In a deployment that has everything, almost nothing falls back on its word for nothing."""
    shown_by_panels = [
        placed
        for placed in PROMETHEUS_TARGETS
        if placed.is_panel and not any(name in placed.target["expr"] for name in OF_MOVING)
    ]
    assert not [str(one) for one in shown_by_panels if not watched.prometheus.query(scraped(one.target["expr"]))]


def test_legends_and_columns_are_labels_of_the_result(watched: Watched) -> None:
    """What a legend puts in braces, and what a table shows as a column, is there."""

    def check_target(placed: PlacedTarget) -> None:
        wanted = labels_shown(placed)
        for series in watched.prometheus.query(scraped(placed.target["expr"])):
            assert wanted <= series["metric"].keys()

    check_each(PROMETHEUS_TARGETS, check_target)


def labels_shown(placed: PlacedTarget) -> set[str]:
    """Return the labels that a panel's legend or columns name."""
    legend = set(re.findall(r"\{\{(\w+)\}\}", placed.target.get("legendFormat", "")))
    shown = {
        name
        for transformation in placed.panel.get("transformations", [])
        for name in transformation["options"].get("renameByName", {})
        if not name.startswith("Value")
    }
    return legend | shown


def test_recording_rules_record(watched: Watched) -> None:
    """Every recorded series is there."""

    def check_name(record: str) -> None:
        assert watched.prometheus.query(record)

    check_each([rule["record"] for rule in all_rules() if "record" in rule], check_name)


def test_alerts_are_not_blind(watched: Watched) -> None:
    """Each alert's expression answers, and every series that it watches is there."""

    def check_alert(alert: Rule) -> None:
        watched.prometheus.query(alert["expr"])
        for selector in check(alert["expr"]):
            assert selector.name in NOT_YET | OF_MOVING | OF_TOKENS or watched.prometheus.query(selector.name), (
                selector.name
            )

    check_each(alerts(), check_alert)


def test_all_rules_evaluate_and_nothing_false_fires(watched: Watched) -> None:
    """Prometheus finds no fault in any rule; a healthy deployment fires nothing but what its bad events deserve."""
    rules = watched.prometheus.rules()
    assert {rule["name"] for rule in rules} == {name_of(rule) for rule in all_rules()}
    assert {rule["health"] for rule in rules} == {"ok"}
    firing_or_about_to = {rule["name"] for rule in rules if rule.get("state", "inactive") != "inactive"}
    assert firing_or_about_to <= {"BillingRejectedFastBurn", "BillingRejectedSlowBurn"}


@pytest.mark.parametrize("job", JOBS)
def test_metrics_pass_promtool(watched: Watched, job: str) -> None:
    """Names, types and helps keep to the conventions."""
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=watched.deployment.metrics(job),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("job", JOBS)
def test_every_metric_shown_is_documented(watched: Watched, job: str) -> None:
    """A part shows nothing of billing that docs/metrics.md does not list, with the same type and labels."""
    known = documented_metrics()
    for family in text_string_to_metric_families(watched.deployment.metrics(job)):
        name = family.name + ("_total" if family.type == "counter" else "")
        if not name.startswith("billing_"):
            continue
        assert name in known
        assert family.type == known[name].kind
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels <= known[name].labels


def test_every_documented_metric_is_shown(watched: Watched) -> None:
    """Prometheus has a series of every metric in docs/metrics.md."""
    missing = []
    for metric in [metric for name, metric in documented_metrics().items() if name not in OF_MOVING | OF_TOKENS]:
        suffix = "_count" if metric.kind == "histogram" else ""
        series = watched.prometheus.query(metric.name + suffix)
        if not series or not all(
            metric.labels | TARGET_LABELS == one["metric"].keys() - {"__name__"} for one in series
        ):
            missing.append(metric.name)
    assert not missing


def test_prometheus_shows_what_its_own_alerts_need(watched: Watched) -> None:
    """The metrics that Prometheus has of itself are called as the alerts call them."""
    for name in OF_PROMETHEUS.keys() - NOT_YET - {"ALERTS"}:
        assert watched.prometheus.query(name), name


def test_prometheus_rest_and_json_agree(watched: Watched) -> None:
    """Once no more events come, all three show the same revenue of each type and the same number of events."""
    deployment, prometheus = watched.deployment, watched.prometheus
    watched.sender.terminate()
    assert watched.sender.wait(120) == 0
    wait_until(lambda: {lag["value"][1] for lag in prometheus.query("billing_lag_records")} == {"0"}, what="no lag")
    prometheus.wait_for_scrapes(3)
    rest = {one["type"]: (float(one["total"]), one["count"]) for one in deployment.get("/types")["types"]}
    assert by_type(prometheus, "billing_subtotal_euros") == pytest.approx({t: euros for t, (euros, _) in rest.items()})
    assert by_type(prometheus, "billing_subtotal_events") == {t: count for t, (_, count) in rest.items()}
    target = {"target": "types", "refId": "A", "payload": {}, "editorMode": "builder"}
    now_ms = time.time_ns() // 1_000_000
    (frame,) = post(deployment.url("/query"), query_body(target, {}, now_ms - 1, now_ms))
    columns: dict[str, list[Any]] = {column["name"]: column["values"] for column in frame["fields"]}
    assert dict(zip(columns["type"], columns["events"], strict=True)) == {t: count for t, (_, count) in rest.items()}
    assert dict(zip(columns["type"], columns["revenue"], strict=True)) == pytest.approx(
        {t: euros for t, (euros, _) in rest.items()}
    )


def by_type(prometheus: PrometheusServer, metric: str) -> dict[str, float]:
    """Return a gauge of the open month by event type."""
    expression = f'{metric} * on (month) group_left () billing_month_info{{period="open"}}'
    return {one["metric"]["event_type"]: float(one["value"][1]) for one in prometheus.query(expression)}
