"""What whoever asks can take, in every spelling."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.negotiation import quality
from tests.exporter.world import charlie


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", 1.0),
        ("deflate, GZIP ; q=0.5", 0.5),
        ("gzip;q=0", 0.0),
        ("gzip;q=0.000, br", 0.0),
        ("gzip; Q=1.", 1.0),
        ("gzip;q=7", 1.0),
        ("gzip;q=never", 0.0),
        ("gzip;q=-1", 0.0),
        ("gzip;q=", 0.0),
        ("gzip;level=9", 1.0),
        ("gzip;q=0.1, gzip;q=0.3", 0.3),
        ("xgzip, gzipx", 0.0),
        ("*", 0.0),
        ("", 0.0),
        (",;,=;q", 0.0),
    ],
)
def test_quality(header: str, wanted: float) -> None:
    """A name is wanted as much as its best entry says."""
    assert quality(header, "gzip") == wanted


@given(st.text(max_size=60))
def test_any_header_can_be_read(header: str) -> None:
    """Whatever is sent, the answer lies from 0 to 1."""
    assert 0 <= quality(header, "gzip") <= 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("application/openmetrics-text; version=x", "application/openmetrics-text"),
        ("application/openmetrics-text; version=99.9.9; escaping=none; q=0.2", "application/openmetrics-text"),
        ("application/openmetrics-text; q=0, text/plain", "text/plain"),
        ("text/plain; version=7", "text/plain"),
        (";;;", "text/plain"),
        ("*/*", "text/plain"),
    ],
)
@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", True), ("gzip;q=0", False), ("gzip;q=x", False), ("br", False)]
)
def test_metrics_come_in_a_form_that_is_taken(accept: str, kind: str, encoding: str, packed: bool) -> None:
    """The form and the compression are those that the headers allow, whatever version they name."""
    with charlie().served() as client:
        answer = client.get("/metrics", Accept=accept, Accept_Encoding=encoding)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert (answer.headers.get("Content-Encoding") == "gzip") is packed
    body = gzip.decompress(answer.body) if packed else answer.body
    assert b"billing_ready 1.0" in body


@pytest.mark.parametrize(
    ("accept", "csv"),
    [
        ("text/csv", True),
        ("text/csv, application/json", False),
        ("text/csv, application/json;q=0.5", True),
        ("text/csv;q=0", False),
        ("application/json", False),
    ],
)
def test_lists_come_as_csv_if_that_is_wanted_more(accept: str, csv: bool) -> None:
    """CSV is what a list is only if it is wanted more than JSON."""
    with charlie().served() as client:
        answer = client.get("/customers", Accept=accept)
    assert answer.headers["Content-Type"].startswith("text/csv" if csv else "application/json")
