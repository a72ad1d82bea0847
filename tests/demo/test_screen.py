"""What people see: the live table at several sizes, and the plain lines."""

import io
from typing import Any

import pytest
from rich.console import Console

from qb.demo.feed import Seen
from qb.demo.plain import plain_line
from qb.demo.screen import render
from qb.demo.snapshot import CatchUp, CatchUpMeter, Snapshot, short_time
from tests.demo.sample import busy_overview, documented_overview, snapshot, troubled


def shown(picture: Snapshot, width: int = 80, height: int = 23) -> list[str]:
    """The picture as lines of text."""
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(render(picture, width, height))
    return console.export_text().splitlines()


def one_line(picture: Snapshot, width: int = 80, height: int = 23) -> str:
    return " ".join(" ".join(shown(picture, width, height)).split())


@pytest.mark.parametrize(("width", "height"), [(80, 23), (100, 33), (120, 39), (200, 59)])
@pytest.mark.parametrize("changes", [{}, troubled(), {"seen": Seen()}])
def test_the_picture_fits_the_terminal(width: int, height: int, changes: dict[str, Any]) -> None:
    """Nothing is cut off at the bottom or wrapped at the side."""
    lines = shown(snapshot(**changes), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "Ctrl-C" in lines[-1]


def test_it_has_all_that_matters() -> None:
    """Totals, counts, rates, rejections, invoices, processes and where to look."""
    text = one_line(snapshot(), 120, 39)
    for fact in (
        "2017-02-26 21h, a month in 30 s",
        "2017-02 by type",
        "1,000,000.01 4,800",
        "10,000.01 2,400 43.2",
        "Anna",
        "26,013.61 963 1.0",
        "1,234,567 billed",
        "306 already_voided 31, unknown_id 30,",
        "others 188 · 1,290 duplicates · 510 taken back",
        "2017-09 is closed: 10 invoices, 900.00 EUR (9 of 1 months)",
        "● processor",
        "http://localhost:8080/customers/Charlie /types/MISC /metrics",
        "/data/demo/invoices",
        "prometheus/prometheus.local.yml",
        "up 1m 15s",
    ):
        assert fact in text, fact


def test_the_documented_overview_can_be_shown() -> None:
    """The page about the API and this agree on the names."""
    assert "MISC 199.99 1" in one_line(snapshot(seen=Seen(documented_overview())))


def test_a_taller_terminal_shows_more() -> None:
    """First all ten customers, then more of the closed months."""
    low, high = one_line(snapshot(), 80, 23), one_line(snapshot(), 80, 39)
    assert "Julia" not in low
    assert "Julia" in high
    assert low.count("is closed") < high.count("is closed")


def test_trouble_is_shown() -> None:
    """Which process was restarted how often, where its log is, and how far the catching up is."""
    text = one_line(snapshot(**troubled()), 100)
    assert "processor restarted 1x, see /data/demo/logs/process.log" in text
    assert "Catching up" in text
    assert "12,345 events behind" in text


def test_before_the_first_numbers_there_are_none() -> None:
    """Zero and unknown differ."""
    text = one_line(snapshot(seen=Seen()))
    assert "Waiting for the first numbers" in text
    assert "0.00" not in text
    assert "no numbers yet" in plain_line(snapshot(seen=Seen()))


def test_the_plain_line_says_it_all_in_one() -> None:
    """For a log file or a pipe."""
    line = plain_line(snapshot(**troubled()))
    assert "\n" not in line
    for fact in ("199.99 EUR of 1,234,567 events", "rejected 306", "duplicates 1,290", "taken back 510",
                 "months closed 9", "processor restarted 1x", "12,345 events behind (40% done)"):  # fmt: skip
        assert fact in line, fact


def test_catching_up_is_told_with_its_share() -> None:
    """From where it began; a lag that is there at rest is none."""
    meter = CatchUpMeter(rate=300)
    assert meter.observe(_lagging(400)) == []
    assert meter.observe(_lagging(10_000)) == [CatchUp("processor: 10,000 events behind", 0.0)]
    assert meter.observe(_lagging(2_500)) == [CatchUp("processor: 2,500 events behind", 0.75)]
    assert meter.observe(_lagging(10)) == []
    assert meter.observe(_lagging(4_000)) == [CatchUp("processor: 4,000 events behind", 0.0)]


def test_the_exporter_s_own_catching_up_is_told() -> None:
    """As it says so itself, with the processor's beside it."""
    waiting = {"ready": False, "message": "reading the topics", "read_fraction": 0.42}
    assert CatchUpMeter(300).observe(Seen(waiting, restore_remaining=1_000)) == [
        CatchUp("exporter: reading the topics", 0.42),
        CatchUp("processor: 1,000 records of its state to read back", 0.0),
    ]


@pytest.mark.parametrize(("seconds", "text"), [(5.9, "5s"), (75, "1m 15s"), (3_661, "1h 01m 01s")])
def test_time_spans(seconds: float, text: str) -> None:
    """As people write them."""
    assert short_time(seconds) == text


def _lagging(records: int) -> Seen:
    overview = busy_overview()
    overview["freshness"]["lag_records"] = records
    return Seen(overview)
