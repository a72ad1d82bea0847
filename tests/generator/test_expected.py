"""The totals of what was generated."""

from itertools import islice
from pathlib import Path

import pytest

from billing.event import BillableEvent, Reason
from billing.period import MonthCalendar
from generator.clock import SteppingClock
from generator.events import EventMix, GeneratedEvent, generate_events
from generator.expected import ExpectedTotals, read_expected


def generated(timestamp_ms: int, customer: str, micros: int, type_: str = "MISC") -> GeneratedEvent:
    return GeneratedEvent(b"", None, BillableEvent(timestamp_ms, customer, micros, type_))


def test_sums_and_counts_are_exact() -> None:
    """Sums per customer-month-type and per type-hour, in the zone's months; rejected records count by reason."""
    totals = ExpectedTotals(MonthCalendar("Europe/Berlin"))
    new_year_ms = 1_483_225_200_000  # 2017-01-01 in Berlin, 23:00 in UTC
    totals.add(generated(new_year_ms - 1, "Charlie", 1))
    totals.add(generated(new_year_ms, "Charlie", 20))
    totals.add(generated(new_year_ms + 1, "Charlie", -300))
    totals.add(generated(new_year_ms + 1, "Dora", 4_000, "DATA"))
    totals.add(GeneratedEvent(None, None, None, Reason.MALFORMED))
    assert totals.customers == {
        ("2016-12", "Charlie", "MISC"): [1, 1],
        ("2017-01", "Charlie", "MISC"): [-280, 2],
        ("2017-01", "Dora", "DATA"): [4_000, 1],
    }
    assert totals.hours == {
        (new_year_ms - 3_600_000, "MISC"): [1, 1],
        (new_year_ms, "MISC"): [-280, 2],
        (new_year_ms, "DATA"): [4_000, 1],
    }
    assert (totals.accepted, totals.accepted_micros, totals.records) == (4, 3_721, 5)
    assert totals.rejected == {"malformed": 1}
    assert totals.newest_ms == new_year_ms + 1


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    """Writing and reading changes nothing and leaves no other file behind."""
    totals = ExpectedTotals(MonthCalendar("Asia/Kathmandu"))
    for event in islice(
        generate_events(EventMix(malformed_share=0.1, repeat_share=0.1, void_share=0.1), 1, SteppingClock(1.5e12, 1e5)),
        1_000,
    ):
        totals.add(event)
    totals.write(tmp_path / "expected.json")
    read = read_expected(tmp_path / "expected.json")
    assert (read.customers, read.hours, read.rejected) == (totals.customers, totals.hours, totals.rejected)
    assert (read.voids, read.replaces, read.duplicates) == (totals.voids, totals.replaces, totals.duplicates)
    assert totals.voids > 0 < totals.duplicates
    assert (read.accepted, read.accepted_micros, read.newest_ms, read.calendar.zone.key) == (
        totals.accepted,
        totals.accepted_micros,
        totals.newest_ms,
        "Asia/Kathmandu",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["expected.json"]


def test_what_is_taken_back_is_in_no_sum() -> None:
    """Whatever the order in which the records are confirmed; a key of which nothing is left goes."""
    first, other = BillableEvent(1, "Dora", 5, "CALL", "a"), BillableEvent(2, "Dora", 7, "DATA", "b", replaces="a")
    records = [
        GeneratedEvent(b"", None, first),
        GeneratedEvent(b"", None, other, takes_back=first),
        GeneratedEvent(b"", None, None, takes_back=other),
        GeneratedEvent(b"", None, None, Reason.DUPLICATE),
        GeneratedEvent(b"", None, None, Reason.ID_CONFLICT),
    ]
    for some in (records, records[::-1]):
        totals = ExpectedTotals(MonthCalendar("UTC"))
        for record in some:
            totals.add(record)
        assert (totals.customers, totals.hours, totals.accepted_micros, totals.events) == ({}, {}, 0, 0)
        assert (totals.accepted, totals.voids, totals.replaces, totals.duplicates) == (3, 1, 1, 1)
        assert (totals.rejected, totals.records, totals.newest_ms) == ({"id_conflict": 1}, 5, 2)


@pytest.mark.parametrize("content", ["[]", '{"v": 1}', "no JSON"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    """A file of another kind or version is not guessed at."""
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(ValueError, match=r"no expected totals|Expecting value"):
        read_expected(tmp_path / "other.json")
