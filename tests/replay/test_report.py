"""The table of what differs, as a file and as it is printed."""

import csv
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from billing.errors import OperatorError
from billing.period import month_calendar
from qb.replay.report import COLUMNS, lines, save
from tests.replay.world import HOUR_MS, Event, World

START_MS = month_calendar("UTC").bounds_ms("2026-10")[0]


def world() -> World:
    """One event that Berlin has in October, and one that is not live."""
    return World(
        [
            Event(START_MS - HOUR_MS, "Zoe", "CALL", 7_000_000),
            Event(START_MS, "Yan", "DATA", 500_000, is_live=False),
            Event(START_MS, "Yan", "CALL", 1),
        ],
        "UTC",
        "Europe/Berlin",
    )


def test_a_device_is_written_and_stays_one(tmp_path: Path) -> None:
    """As somebody who wants no file may name one: nothing takes its place, though whoever runs it may do so."""
    pipe = tmp_path / "found.csv"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(pipe.read_text)
        save(world().differences("2026-10"), pipe)
        assert told.result(30).startswith(",".join(COLUMNS))
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_csv_file_names_what_differs(tmp_path: Path) -> None:
    """A row for each month, customer and type, none for what is the same."""
    path = tmp_path / "found.csv"
    summary = save(world().differences("2026-10"), path)
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file))
    assert tuple(header) == COLUMNS
    assert rows == [
        ["2026-10", "Yan", "DATA", "0.000000", "0", "0.500000", "1", "0.000000", "0.500000", "rules:0.500000"],
        ["2026-10", "Zoe", "CALL", "0.000000", "0", "7.000000", "1", "0.000000", "7.000000", "edge-2026-10:7.000000"],
        ["2026-09", "Zoe", "CALL", "", "", "", "", "0.000000", "-7.000000", "edge-2026-10:-7.000000"],
    ]
    assert (summary.rows, summary.customers) == (3, 2)
    printed = "\n".join(lines(summary, "2026-10", path))
    assert "2 customers differ, in 3 rows" in printed
    assert "2026-09: -7.000000 to be issued" in printed


def test_a_json_file_has_the_same_rows(tmp_path: Path) -> None:
    """With money as text."""
    path = tmp_path / "found.json"
    save(world().differences("2026-10"), path)
    found = json.loads(path.read_text("utf-8"))["differences"]
    assert [(one["customer"], one["month"], one["difference"]) for one in found] == [
        ("Yan", "2026-10", "0.500000"), ("Zoe", "2026-10", "7.000000"), ("Zoe", "2026-09", "-7.000000"),
    ]  # fmt: skip
    assert found[0]["causes"] == {"rules": "0.500000"}
    assert found[2]["live"] is None


def test_nothing_is_said_so(tmp_path: Path) -> None:
    """The file is there, and empty but for its header."""
    path = tmp_path / "found.csv"
    summary = save(World([], "UTC", "UTC").differences("2026-10"), path)
    assert list(lines(summary, "2026-10", path)) == ["2026-10 is what the recount says: nothing differs"]
    assert path.read_text("utf-8").splitlines() == [",".join(COLUMNS)]


def test_a_file_that_cannot_be_written_is_an_operators_error(tmp_path: Path) -> None:
    """One sentence, and nothing left behind."""
    with pytest.raises(OperatorError, match="cannot be written"):
        save(world().differences("2026-10"), tmp_path / "missing" / "found.csv")
    assert not list(tmp_path.iterdir())
