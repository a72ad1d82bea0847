"""The runbook as a page: what alerts link to is there."""

import re
from pathlib import Path

from exporter.rest.runbook import page
from tests.exporter.world import charlie
from tests.prometheus.test_rules import runbook_anchors

ROOT = Path(__file__).parents[2]


def test_each_section_can_be_linked_to() -> None:
    """Those that alerts, errors and the page itself name."""
    anchors = set(re.findall(r' id="([^"]+)"', page()))
    assert runbook_anchors() <= anchors
    assert set(re.findall(r'href="#([^"]+)"', page())) <= anchors


def test_no_link_leads_nowhere() -> None:
    """Other pages of docs are named and not linked to: the exporter does not serve them."""
    links = re.findall(r'<a href="([^"]+)"', page())
    assert links
    assert all(link.startswith(("#", "https://")) for link in links)
    assert "docs/topics.md says" in page()


def test_the_page_is_the_committed_runbook() -> None:
    """The file in the package is the one in docs, by a link."""
    assert (ROOT / "exporter/page/runbook.md").resolve() == ROOT / "docs/runbook.md"
    assert "<h1" in page()
    assert "<table>" in page()
    assert "|---|" not in page()


def test_it_is_served_as_the_page_is() -> None:
    """HTML, with the page's security headers; it loads nothing from elsewhere."""
    with charlie().served() as client:
        answer = client.get("/runbook")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        for name in re.findall(r'(?:href|src)="(static/[^"]+)"', answer.text):
            assert client.get(f"/{name}").status == 200
