"""docs/security.md: each threat names where it ends and tests that show it, and these exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from qb.docs import SECURITY_PAGE

ROOT = SECURITY_PAGE.parent.parent
PAGE = SECURITY_PAGE.read_text(encoding="utf-8")
WHO = (
    "A stranger on the network",
    "A web page that somebody opens",
    "A customer with a key",
    "A producer of events",
    "A compromised part",
    "A reader of logs, settings, backups and State",
)
# A file of tests, and perhaps the one of them that is meant.
NAMED = re.compile(r"`((?:tests|prometheus/tests)/[\w/.]+?\.(?:py|yml))(?:::(test_\w+))?`")


def rows(who: str) -> list[str]:
    """Return the rows of the table under a heading."""
    part = re.split(r"^#{2,3} ", PAGE.partition(f"### {who}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [line for line in part.splitlines() if line.startswith("| ") and "may try to" not in line]


@cache
def functions(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("who", WHO)
def test_each_threat_is_stopped_somewhere(who: str) -> None:
    """And a test shows it."""
    found = rows(who)
    assert found
    for row in found:
        threat, stopped, shown = (cell.strip() for cell in row.strip("| ").split(" | "))
        assert threat
        assert stopped
        assert NAMED.search(shown), row


def test_nobody_is_left_out() -> None:
    """Each heading among the threats is one of those that are looked at."""
    threats = PAGE.partition("## Threats\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (.+)$", threats, re.MULTILINE) == list(WHO)


def test_the_tests_exist() -> None:
    """Each that is named, in the file that is named."""
    named = NAMED.findall(PAGE)
    assert len(named) > 40
    assert not [file for file, _ in named if not (ROOT / file).is_file()]
    assert not [f"{file}::{name}" for file, name in named if name and name not in functions(ROOT / file)]


def test_no_test_is_named_otherwise() -> None:
    """Another way to name one would not be looked up."""
    assert len(re.findall(r"`(?:tests|prometheus)/", PAGE)) == len(NAMED.findall(PAGE))
