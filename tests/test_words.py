"""One word for one idea: docs/words.md names what exists, and what it retires stays away."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORDS = ROOT / "docs" / "words.md"
CODE = (
    "billing",
    "broker",
    "generator",
    "processor",
    "invoicer",
    "budgets",
    "notifier",
    "exporter",
    "qb",
    "grafana",
    "benchmarks",
    "tests",
)
TEXTS = (*CODE, "prometheus", "docs", "compose", ".github", ".ci")
ENDINGS = {".py", ".md", ".yml", ".yaml", ".json", ".js", ".html", ".css", ".toml", ".txt", ".sh"}
# Where a retired word must stand.
EXCEPTIONS = {
    "docs/words.md": "it lists them",
    "tests/test_words.py": "it looks for them",
    "CHANGELOG.md": "it says what became of old names",
}
# What must not come back, by the row of the second table that retires it, with a text that has it.
RETIRED = {
    "dead letter, DeadLetter": (r"(?i)dead[ _-]?letter", "to the dead-letter topic"),
    "ClosedKey": (r"\bClosedKey\b", "return ClosedKey(month)"),
    "InvoiceBook": (r"\bInvoiceBook\b", "class InvoiceBook:"),
    "MadeUpBook": (r"\bMadeUpBook\b", "MadeUpBook(seed)"),
    "ProgressBook": (r"\bProgressBook\b", "ProgressBook()"),
    "CloseProgress": (r"\bCloseProgress\b", "CloseProgress(month)"),
    "DownloadProgress": (r"\bDownloadProgress\b", "DownloadProgress(1, 2)"),
    "ReportProgress": (r"\bReportProgress\b", "report: ReportProgress"),
    "ReadModel.progress": (r"(?i)\b(?:read_?)?model\.progress\b", "context.model.progress"),
    "billing_processor_batch_events": (
        r"\bbatch_events\b|processor_batch_event",
        "processor_batch_events_sum",
    ),
    'check="types"': (r"""check=\\*["']types""", 'difference{check="types"}'),
    "Check.TYPES, the audit's check `types`": (
        r"""\bCheck\.TYPES\b|\bTYPES = ["']types["']|check["']?: ["']types["']""",
        '{"check": "types", "partition": 0}',
    ),
    "def look, .look(": (r"\bdef look\(|\.look\(", "files.look(closes)"),
    "month's marker, marker of a month": (
        r"(?i)\bmonth'?s?'? marker|\bmarker of (?:a|the) month|\bwrites no marker|\b_?write_marker",
        "the marker of a month",
    ),
}


def texts() -> Iterator[tuple[str, str]]:
    """Each text of the project by its path; of what lies beside a checkout, nothing."""
    files = [path for folder in TEXTS for path in sorted((ROOT / folder).rglob("*"))]
    files += sorted(path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith("NOTE"))
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and (path.suffix in ENDINGS or path.name == "Makefile") and name not in EXCEPTIONS:
            yield name, path.read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of docs/words.md."""
    text = WORDS.read_text(encoding="utf-8").split(f"# {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def quoted(column: int) -> list[str]:
    """What stands between backquotes in a column of the first table."""
    return [found for row in rows("Words") for found in re.findall(r"`([^`]+)`", row[column])]


def defined() -> set[str]:
    """The names of classes and of types given a name, in all code but the tests."""
    found = set()
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if folder != "tests" and isinstance(node, ast.ClassDef):
                    found.add(node.name)
                elif folder != "tests" and isinstance(node, ast.Assign):
                    found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_what_the_words_name_in_code_exists() -> None:
    """Each class of the table is defined."""
    assert len(quoted(2)) > 25
    assert not sorted(set(quoted(2)) - defined())


def test_what_the_words_name_on_topics_exists() -> None:
    """Each topic is a default of the settings, and each record's first word is written by a codec."""
    code = "".join((ROOT / "billing" / f"{name}.py").read_text(encoding="utf-8") for name in
                   ("settings", "subtotal", "ledger", "notification_ledger"))  # fmt: skip
    assert quoted(3)
    assert not [word for word in quoted(3) if f'"{word}"' not in code and f'f"{word}|' not in code]


def test_what_the_words_name_in_metrics_exists() -> None:
    """Each metric is documented, and so, by the tests of docs/metrics.md, exposed."""
    metrics = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    names = [word for word in quoted(4) if word.startswith("billing_")]
    assert len(names) > 10
    assert not [name for name in names if f"`{name}`" not in metrics]
    assert 'check="hours"' in quoted(4)


def test_each_word_is_said_once() -> None:
    """No word stands for two things."""
    words = [row[0] for row in rows("Words")]
    assert len(words) == len(set(words))


def test_retired_words_are_those_of_the_page() -> None:
    """The page and the patterns list the same."""
    assert [row[0] for row in rows("Retired")] == list(RETIRED)


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_stays_away(word: str) -> None:
    """Neither code nor documentation says it, except where EXCEPTIONS tells why."""
    pattern, example = RETIRED[word]
    assert re.search(pattern, example), "a pattern that finds nothing proves nothing"
    assert not [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("Verdict", "qb/audit"), ("Check", "qb/audit"), ("Difference", "qb/audit"),
        ("Session", "invoicer"), ("Books", "exporter/model"), ("HealthCheck", "billing/runtime"),
        ("Board", "grafana/builder"), ("PartitionBook", "processor"), ("Progress", "billing"),
    ],
)  # fmt: skip
def test_a_word_of_one_part_is_defined_there_alone(name: str, home: str) -> None:
    """A class of that name elsewhere would be a second meaning."""
    places = [
        path.relative_to(ROOT).as_posix()
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
        if re.search(rf"^\s*class {name}\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(places) == 1
    assert places[0].startswith(f"{home}/")


def test_names_that_meant_two_things_are_gone() -> None:
    """A bare `Status`, `Book` or `Document` says not whose it is."""
    assert not sorted(defined() & {"Status", "Book", "DeadLetter", "Document"})


def test_a_book_is_the_processors() -> None:
    """Nothing else is called a book: the invoicer has accounts, the exporter the ledger's issued invoices."""
    strays = {
        path.relative_to(ROOT).as_posix()
        for folder in ("billing", "broker", "generator", "invoicer", "exporter", "qb")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Name) and node.id == "book")
        or (isinstance(node, ast.arg) and node.arg == "book")
        or (isinstance(node, ast.Attribute) and node.attr in ("book", "_book"))
    }
    assert not strays
