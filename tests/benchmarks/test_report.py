"""What benchmarks print and write."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Figure, Outcome, Plot, at_least, at_most, bars, median_outcome, number
from benchmarks.plot import svg
from benchmarks.rate import Sample, Samples, TooShortError, steady
from benchmarks.report import Result, table, write
from benchmarks.stage import Sizes


def outcome(ratio: float) -> Outcome:
    """One repetition."""
    figures = [Figure("a", "b", ratio, at_least(1.0)), Figure("c", "", 2 * ratio, at_most(3.0), "ms")]
    return Outcome(figures, f"ratio {ratio}", bars("events/s", {"a": ratio, "b": 1.0}))


def test_the_median_is_taken_of_each_number() -> None:
    """One that is far off moves nothing."""
    middle = median_outcome([outcome(9.0), outcome(1.0), outcome(1.5)])
    assert [figure.value for figure in middle.figures] == [1.5, 3.0]
    assert middle.details == "ratio 1.5"
    assert middle.plot.lines["a"] == [(0.0, 1.5)]


@pytest.mark.parametrize(("ratio", "met"), [(1.0, ["yes", "yes"]), (0.9, ["NO", "yes"]), (1.6, ["yes", "NO"])])
def test_the_table_says_which_aims_are_met(ratio: float, met: list[str]) -> None:
    """At least and at most, limits included."""
    lines = table([Result("row", outcome(ratio), 1)]).splitlines()
    assert [line.split()[-1] for line in lines[1:]] == met


def test_the_page_keeps_rows_that_are_not_measured_again(tmp_path: Path) -> None:
    """A row measured anew takes its old place; each has its plot."""
    write([Result("one", outcome(1.0), 1), Result("two", outcome(1.1), 1)], Sizes(), tmp_path)
    write([Result("one", outcome(1.2), 5)], Sizes(), tmp_path)
    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert page.count("| one | a | b | 1.20 | >= 1 | yes |") == 1
    assert page.index("## one") < page.index("ratio 1.2") < page.index("## two") < page.index("ratio 1.1")
    assert "Repetitions: 5" in page
    assert (tmp_path / "plots" / "two.svg").exists()


@pytest.mark.parametrize(
    "plot",
    [bars("events/s", {"a < b": 2.0, "c": 0.0}), Plot("us", {"x": [(1, 5.0), (1_000, 7.0)]}, "customers & months")],
    ids=["bars", "lines"],
)
def test_a_plot_is_an_image(plot: Plot) -> None:
    """Whatever stands in it."""
    assert ElementTree.fromstring(svg("a row", plot)).tag.endswith("svg")


def test_a_rate_leaves_out_start_and_end() -> None:
    """What came before the first count, and the wait for the last commit."""
    samples = [Sample(5.0, 1_000, 1.0), Sample(6.0, 3_000, 1.5), Sample(7.0, 5_000, 2.0), Sample(9.0, 5_001, 2.0)]
    rate = steady(samples)
    assert rate.events_per_second == 2_000
    assert rate.cpu_micros_per_event == pytest.approx(250)


def test_a_rate_may_begin_when_warm() -> None:
    """Counts below the limit are left out, and so are counts that do not move."""
    samples = Samples()
    for seconds, events in [(0, 10), (1, 20), (1.5, 20), (2, 50), (3, 80), (4, 90)]:
        samples.note(seconds, events, 0.0)
    assert samples.rate(20).events_per_second == 30
    with pytest.raises(TooShortError):
        samples.rate(90)


@pytest.mark.parametrize(
    ("value", "text"), [(1_234_567.0, "1,234,567"), (250.4, "250"), (1.234, "1.23"), (0.01234, "0.0123"), (3.0, "3")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    """Three digits that count."""
    assert number(value) == text


def test_a_row_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that are."""
    with pytest.raises(SystemExit):
        main(["nosuch"])
    assert "no such row: nosuch; there are bare" in capsys.readouterr().err


def test_without_taskset_a_line_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before anything starts."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit):
        main(["scrape"])
    assert "taskset (package util-linux" in capsys.readouterr().err


def test_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with a line."""
    assert main(["--list"]) == 0
    assert "peers " in capsys.readouterr().out
