"""The page about events is what the code does, on the exact path; the fold's tests hold the bulk path to it."""

import re
from pathlib import Path

import pytest

from billing.event import EventRejectedError, EventRules, Void, decode_event, decode_record

NOW_MS = 1_490_000_000_000
PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
_ESCAPES = re.compile(rb"\\(n|t|x[0-9a-f]{2})")


def payload_of(cell: str) -> bytes:
    """Return the record that a cell shows."""
    shorthand = {b"n": b"\n", b"t": b"\t"}
    return _ESCAPES.sub(lambda found: shorthand.get(found[1]) or bytes.fromhex(found[1][1:].decode()), cell.encode())


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    assert lines
    return [[line[3:].split("` | ")[0], *line.split("` | ")[1].removesuffix(" |").split(" | ")] for line in lines]


ACCEPTED, WITH_ID, REJECTED = rows("Accepted"), rows("With an id"), rows("Rejected")


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row[0])
def test_what_the_page_says_is_accepted_is_read_so(row: list[str]) -> None:
    """Time, customer and amount are those of the page."""
    event = decode_event(payload_of(row[0]), EventRules(), NOW_MS)
    assert [str(event.timestamp_ms), event.customer, str(event.amount_micros)] == row[1:]


@pytest.mark.parametrize("row", WITH_ID, ids=lambda row: row[0])
def test_what_the_page_says_of_ids_is_read_so(row: list[str]) -> None:
    """Event, void or replacement, its own id, and the one that it takes back."""
    record = decode_record(payload_of(row[0]), EventRules(), NOW_MS)
    target = record.target if isinstance(record, Void) else record.replaces
    kind = "void" if isinstance(record, Void) else "replacement" if target else "event"
    assert (record.customer, [kind, record.id or "-", target or "-"]) == ("Charlie", row[1:])


@pytest.mark.parametrize("row", REJECTED + rows("Voids that are none"), ids=lambda row: row[0])
def test_what_the_page_says_is_rejected_is_rejected_so(row: list[str]) -> None:
    """Reason and detail are those of the page."""
    with pytest.raises(EventRejectedError) as rejected:
        decode_event(payload_of(row[0]), EventRules(), NOW_MS)
    assert rejected.value.reason == row[1]
    assert row[2] in rejected.value.detail
