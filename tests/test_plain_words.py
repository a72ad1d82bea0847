"""Rates say "per", and programs are not said to do things by odd turns of phrase: in everything that people read."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = (
    "docs",
    "billing",
    "broker",
    "generator",
    "processor",
    "invoicer",
    "budgets",
    "notifier",
    "exporter",
    "qb",
    "grafana/builder",
    "prometheus",
)
FILES = sorted(
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile")]
    + [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in {".md", ".py", ".yml"}]
)
COUNTED = r"(?:events?|records|subtotals|requests|seconds|bytes|invoice|folder|file|line)"
RATE = re.compile(
    rf"\b{COUNTED}(?: read)? a (?:second|minute|hour|month|record|invoice|customer|event|row|line|fault)\b"
)
ODD = re.compile(r"no terminal|does as well|reads neither on|moving data set", re.IGNORECASE)


@pytest.mark.parametrize("odd", [RATE, ODD], ids=["rates", "phrases"])
def test_nobody_reads_an_odd_phrase(odd: re.Pattern[str]) -> None:
    """`events per second`, not `events a second`."""
    found = {
        f"{path.relative_to(ROOT)}: {hit.group()}" for path in FILES for hit in odd.finditer(path.read_text("utf-8"))
    }
    assert not found
