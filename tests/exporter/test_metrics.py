"""GET /metrics: golden text, both forms, and the same bytes that prometheus_client would make.

``QB_REWRITE_GOLDEN=1 pytest tests/exporter/test_metrics.py`` writes the golden file anew; review the difference.
"""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text

from billing.money import micros_to_float
from exporter.metrics.collector import BillingCollector
from exporter.metrics.endpoint import Exposition
from exporter.metrics.family import Family, Kind, Row
from exporter.metrics.rendering import Renderer, number_text
from exporter.model.input_ends import InputEnds
from tests.exporter.world import World, charlie, two_months

GOLDEN = Path(__file__).parent / "golden_metrics.txt"
DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
VOLATILE = re.compile(
    r'^(billing_exporter_render_duration_seconds |billing_build_info\{version=")[^"\n]*', re.MULTILINE
)


def world() -> World:
    deployment = two_months(customer_series_limit=2)
    deployment.ends = InputEnds(True, "a broker answers", {0: 9, 1: 11}, unmoved={0: 7}, moved={0: 2})
    deployment.context.own.observe_delay(0.6)
    deployment.context.own.observe_request("/customers", "GET", 200, 0.002)
    return deployment


def test_golden() -> None:
    """The whole exposition of a small deployment."""
    text = VOLATILE.sub(r"\1~", Exposition(world().context).body(openmetrics=False).decode())
    if os.environ.get("QB_REWRITE_GOLDEN"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")


def test_promtool_finds_nothing_to_complain_about() -> None:
    """Names, units and help as Prometheus wants them."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    body = Exposition(world().context).body(openmetrics=False)
    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_docs_list_exactly_what_is_exposed() -> None:
    """Names, types and labels in docs/metrics.md are those of the exposition."""
    section = DOCS.read_text("utf-8").partition("## Exporter")[2].partition("\n## ")[0]
    told = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 5 and cells[1].startswith("`billing_"):
            labels = {label.strip() for label in cells[3].split(",") if label.strip()}
            told[cells[1].strip("`").removesuffix("_total")] = (cells[2], labels)
    exposed = {}
    for family in parse_text(Exposition(world().context).body(openmetrics=False).decode()):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exposed[family.name] = (family.type, labels)
    assert told == exposed


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_text_is_what_prometheus_client_makes(openmetrics: bool) -> None:
    """Byte for byte: the faster way is the same way."""
    collector = BillingCollector(world().context)
    registry = CollectorRegistry()
    registry.register(collector)
    families = [*collector.state().families, *collector.passing()]
    stock = stock_text(registry, True).removesuffix(b"# EOF\n") if openmetrics else stock_text(registry, False)
    assert Renderer().render(families, openmetrics) == stock


LABEL_TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(['a"b', "a\\b", "a\nb", "é", ""])
NUMBERS = st.integers(-(10**19), 10**19) | st.floats(allow_nan=False)


@given(
    kind=st.sampled_from(Kind),
    text=LABEL_TEXT,
    rows=st.lists(st.tuples(st.tuples(LABEL_TEXT, LABEL_TEXT), NUMBERS), max_size=6),
    openmetrics=st.booleans(),
)
def test_any_text_and_number_is_what_prometheus_client_makes(
    kind: Kind, text: str, rows: list[tuple[tuple[str, ...], float]], openmetrics: bool
) -> None:
    """Quotes, backslashes, line ends, great and small numbers."""
    family = Family("billing_x", kind, text, ("z", "a"), rows)

    class One:
        def collect(self) -> list[object]:
            return [family.metric()]

    stock = stock_text(One(), openmetrics)
    assert Renderer().render([family], openmetrics) == stock.removesuffix(b"# EOF\n")


@given(micros=st.lists(st.integers(-(10**13), 10**13) | st.integers(-1_000, 1_000), min_size=1, max_size=30))
def test_amounts_are_what_prometheus_client_makes(micros: list[int]) -> None:
    """Also those that are written in a faster way."""
    rows: list[Row] = [((str(place), ""), micros_to_float(amount)) for place, amount in enumerate(micros)]
    family = Family("billing_x", Kind.GAUGE, "text", ("z", "a"), rows)
    numbers = [line.rpartition(b" ")[2] for line in Renderer().render([family], False).splitlines()[2:]]
    assert numbers == [number_text(micros_to_float(amount)).encode() for amount in micros]


def test_money_is_absent_while_catching_up() -> None:
    """Zero would be a lie; what is known about itself is told."""
    deployment = World()
    deployment.event("Charlie", 1)
    deployment.commit()
    text = Exposition(deployment.context).body(openmetrics=False).decode()
    assert "billing_ready 0.0\n" in text
    assert 'billing_exporter_records_read_total{topic="subtotals"} 3.0\n' in text
    for name in ("billing_subtotal_euros", "billing_events_accepted", "billing_lag_records", "billing_month_info"):
        assert name not in text
    deployment.model.caught_up()
    text = Exposition(deployment.context).body(openmetrics=False).decode()
    assert "billing_ready 1.0\n" in text
    assert 'billing_subtotal_euros{event_type="MISC",month="2017-02"} 1e-06\n' in text


def test_before_the_first_event_there_is_no_month() -> None:
    """Known to be nothing: counters are zero, money has no month to be of."""
    text = Exposition(World().ready().context).body(openmetrics=False).decode()
    assert 'billing_events_billed{event_type="CALL"} 0.0\n' in text
    assert "billing_subtotal_euros{" not in text


def test_customers_that_are_left_out_stand_together() -> None:
    """The top ones and `_other` add up to the month."""
    families = {f.name: f for f in parse_text(Exposition(world().context).body(openmetrics=False).decode())}
    customers = {
        sample.labels["customer"]: sample.value
        for sample in families["billing_customer_subtotal_euros"].samples
        if sample.labels["month"] == "2017-02"
    }
    assert set(customers) == {"Charlie", "Bob", "_other"}
    total = sum(s.value for s in families["billing_subtotal_euros"].samples if s.labels["month"] == "2017-02")
    assert sum(customers.values()) == pytest.approx(total)


def test_a_customer_named_like_the_others() -> None:
    """Is one of them: no series is there twice."""
    deployment = World(customer_series_limit=5)
    deployment.event("_other", 9_000_000)
    deployment.event("Charlie", 1_000_000)
    text = Exposition(deployment.ready().context).body(openmetrics=False).decode()
    assert re.findall(
        r'^billing_customer_subtotal_euros\{customer="(.*)",month="2017-02"\} (.*)$', text, re.MULTILINE
    ) == [
        ("Charlie", "1.0"),
        ("_other", "9.0"),
    ]


def test_the_series_limit_holds_and_is_told() -> None:
    """Too many customers do not make the exposition endless."""
    deployment = World(customer_series_limit=1_000, series_limit=200)
    for number in range(500):
        deployment.event(f"c{number}", 1_000_000)
    text = Exposition(deployment.ready().context).body(openmetrics=False).decode()
    series, dropped = number_of(text, "billing_exporter_series"), number_of(text, "billing_exporter_series_dropped")
    assert series == 200
    assert dropped > 300
    assert len(re.findall(r"^billing_customer_subtotal_euros\{", text, re.MULTILINE)) < 200
    assert 'billing_subtotal_euros{event_type="MISC",month="2017-02"} 500.0\n' in text


def test_another_currency_is_in_the_name() -> None:
    """So that nobody adds dollars to euros."""
    deployment = World(currency="USD")
    deployment.event("Charlie", 1_000_000)
    text = Exposition(deployment.ready().context).body(openmetrics=False).decode()
    assert 'billing_subtotal_usd{event_type="MISC",month="2017-02"} 1.0\n' in text
    assert "euros" not in text


def test_forms_and_compression_are_negotiated() -> None:
    """Text, OpenMetrics, each plain and compressed; exactly the content type that Prometheus 3 wants."""
    with world().served() as client:
        plain = client.get("/metrics")
        assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        openmetrics = client.get("/metrics", Accept=OPENMETRICS)
        assert openmetrics.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert openmetrics.text.endswith("# EOF\n")
        assert openmetrics_names(openmetrics.text) == {f.name for f in parse_text(plain.text)}
        packed = client.get("/metrics", Accept_Encoding="gzip", Accept=OPENMETRICS)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.body).endswith(b"# EOF\n")


def test_a_state_is_rendered_once() -> None:
    """A second scrape of the same state takes what the first one made; the next state does not."""
    deployment = charlie()
    exposition = Exposition(deployment.context)
    looks = 0
    collect = exposition._collector.state

    def counted() -> object:
        nonlocal looks
        looks += 1
        return collect()

    exposition._collector.state = counted  # type: ignore[method-assign,assignment]
    first = exposition.body(openmetrics=False)
    assert exposition.body(openmetrics=False) == first
    assert looks == 1
    deployment.event("Charlie", 1_000_000)
    deployment.commit()
    assert 'event_type="MISC",month="2017-02"} 200.99' in exposition.body(openmetrics=False).decode()
    assert looks == 2


def test_answers_are_timed_by_route() -> None:
    """The pattern and never the path: customers' names and nonsense make no series."""
    with charlie().served() as client:
        client.get("/customers/Charlie")
        client.get("/customers/Nobody/")
        client.get("/a/b/c")
        client.request("PATCH", "/customers")
        text = client.get("/metrics").text
    counts = re.findall(r"^billing_exporter_http_request_duration_seconds_count\{(.*)\} (\S+)", text, re.MULTILINE)
    assert dict(counts) == {
        'code="200",method="GET",route="/customers/{customer}"': "1.0",
        'code="404",method="GET",route="/customers/{customer}"': "1.0",
        'code="404",method="GET",route="unmatched"': "1.0",
        'code="405",method="other",route="unmatched"': "1.0",
    }


def number_of(text: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


def stock_text(registry: Any, openmetrics: bool) -> bytes:
    text: bytes = generate_openmetrics(registry) if openmetrics else generate_latest(registry)  # type: ignore[no-untyped-call]
    return text


def openmetrics_names(text: str) -> set[str]:
    return {family.name for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("asked", "given"), [("gzip", "gzip"), ("deflate, GZIP;q=1.0", "gzip"), ("x-gzipped", None), ("identity", None)]
)
def test_gzip_only_where_it_is_named(asked: str, given: str | None) -> None:
    """An encoding whose name merely holds the word is another one."""
    with charlie().served() as client:
        assert client.get("/metrics", Accept_Encoding=asked).headers.get("Content-Encoding") == given
