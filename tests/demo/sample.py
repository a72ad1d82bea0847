"""A snapshot to look at, around the overview that the documentation of the API shows."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from qb.demo.feed import Seen
from qb.demo.snapshot import CatchUp, Links, Snapshot
from qb.demo.supervisor import Standing

API_PAGE = Path(__file__).parents[2] / "docs" / "api.md"
FOLDER = Path("/data/demo")


def documented_overview() -> dict[str, Any]:
    """Return the example of the page about the API."""
    section = API_PAGE.read_text("utf-8").split("## Overview and live stream")[1]
    example = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert example
    found: dict[str, Any] = json.loads(example[1])
    return found


def busy_overview() -> dict[str, Any]:
    """Return an overview with five types, ten customers and every reason to reject."""
    overview = documented_overview()
    names = ("MESSAGE", "DATA", "CALL", "PACK", "MISC")
    row = overview["types"][0]
    overview["types"] = [{**row, "type": name, "total": f"{10 ** (i + 2)}.005000", "count": 1_200 * i, "share": i / 8}
                         for i, name in enumerate(names)]  # fmt: skip
    people = ("Anna", "Bruno", "Charlie", "Dora", "Emil", "Frida", "Gustav", "Hanna", "Ivan", "Julia")
    overview["top_customers"] = [
        {"customer": name, "total": "26013.610000", "count": 963, "share": 0.1} for name in people
    ]
    reasons = ("malformed", "bad_timestamp", "future_timestamp", "bad_customer", "bad_amount", "too_precise",
               "unknown_type", "too_large", "id_conflict", "too_old_to_deduplicate", "unknown_id",
               "already_voided")  # fmt: skip
    overview["events"] |= {
        "accepted": 1_234_567,
        "rejected": 306,
        "duplicates": 1_290,
        "voids": 260,
        "replaces": 250,
        "reasons": {r: 20 + i for i, r in enumerate(reasons)},
    }
    return overview


def snapshot(**changes: Any) -> Snapshot:
    """Return a busy snapshot, with fields changed."""
    rates: dict[str, float | None] = {"type/CALL": 43.25, "customer/Anna": 1.0}
    closes = tuple((f"2017-0{i} is closed", f"10 invoices, {i}00.00 EUR") for i in range(1, 10))
    usual = Snapshot(
        seen=Seen(busy_overview(), rates, closes),
        standings=[Standing(name, True, 0, FOLDER / "logs" / f"{name}.log")
                   for name in ("kafka", "exporter", "invoicer", "processor", "generator")],
        catch_ups=[],
        clock="2017-02-26 21h, a month in 30 s",
        month_share=0.9,
        uptime_seconds=75.3,
        links=Links("http://localhost:8080", FOLDER),
    )  # fmt: skip
    return replace(usual, **changes)


def troubled() -> dict[str, Any]:
    """Return what to change for a processor that was restarted and is behind."""
    return {
        "standings": [Standing("processor", True, 1, FOLDER / "logs" / "process.log")],
        "catch_ups": [CatchUp("processor: 12,345 events behind", 0.4)],
    }
