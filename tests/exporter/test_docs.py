"""The pages about the exporter tell what it does: targets, payloads, columns, variables, codes of errors."""

import re
from pathlib import Path
from typing import Any

import pytest

from exporter.datasource.choices import KINDS
from exporter.datasource.targets import TARGETS
from exporter.model.state import State
from exporter.query.asked import Asked
from exporter.query.filters import KEYS
from exporter.rest.broadcast import MAX_CUSTOMER_STREAMS, MAX_STREAMS, SHORTEST_SECONDS
from exporter.rest.customer_overview_shapes import CustomerOverview
from exporter.rest.live import LONGEST_SECONDS, RETRY_MS
from exporter.rest.overview import MAX_BUCKETS, TOP_CUSTOMERS, waiting
from exporter.rest.overview_shapes import Front, Overview
from exporter.rest.shapes import Customer, Customers, Invoices, Months, Types
from exporter.web.parameters import MAX_LIMIT
from tests.exporter.world import World, two_months

ROOT = Path(__file__).parent.parent.parent
DATASOURCE = (ROOT / "docs" / "json-datasource.md").read_text("utf-8")
API = (ROOT / "docs" / "api.md").read_text("utf-8")


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table under a heading, without its head."""
    table = re.search(r"(^\|.*\n)+", text.partition(f"# {heading}\n")[2], re.MULTILINE)
    assert table is not None, heading
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.split(" | ")] for line in (line.strip("| ") for line in lines)]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_targets_and_their_payloads() -> None:
    """One row a target: its form and its keys."""
    told = {
        name: (form, set(quoted(keys)))
        for cell, form, keys, *_ in (row + [""] * (4 - len(row)) for row in rows(DATASOURCE, "Targets"))
        for name in quoted(cell)
    }
    served = {spec.name: ("series" if spec.series else "table", set(spec.keys)) for spec in TARGETS.values()}
    assert {name: form for name, (form, _) in told.items()} == {name: form for name, (form, _) in served.items()}
    for name, (_, keys) in served.items():
        assert told[name][1] == keys, name


def test_every_payload_key_is_explained() -> None:
    """In the table of keys."""
    explained = {name for row in rows(DATASOURCE, "Payload keys") for name in quoted(row[0])}
    assert explained == {key for spec in TARGETS.values() for key in spec.keys}


@pytest.mark.parametrize("name", [spec.name for spec in TARGETS.values() if not spec.series])
def test_columns(name: str) -> None:
    """In their order."""
    told = {name: quoted(columns) for cell, columns in rows(DATASOURCE, "Columns") for name in quoted(cell)}
    world = two_months()
    with world.model.reading() as view:
        payload = {"customer": "*"} if name == "customer" else {}
        frame = TARGETS[name].make(Asked(world.context, view, name, payload))[0]
    assert told[name] == [field.name for field in frame.fields]


def test_variables_and_filter_keys() -> None:
    """Every kind and every key."""
    assert [quoted(row[0])[0] for row in rows(DATASOURCE, "Variables")] == list(KINDS)
    filters = DATASOURCE.partition("## Ad hoc filters\n")[2]
    assert quoted(filters)[: len(KEYS)] == list(KEYS)


def test_codes_of_errors() -> None:
    """Each code that the sources can answer with is on one of the two pages, and no other."""
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "exporter").rglob("*.py"))
    used = set(re.findall(r'ProblemError\(\s*\d+,\s*"(\w+)"', sources))
    used |= set(re.findall(r'unprocessable\(\s*"(\w+)"', sources)) | set(re.findall(r'\d{3}: "(\w+)"', sources))
    used |= {"missing_payload", "unknown_target", "bad_request", "too_many_requests"}
    used |= {state.value for state in State} - {"ready"}
    told = {code for row in rows(API, "Errors") + rows(DATASOURCE, "Errors") for code in quoted(row[1])}
    assert told - {"field"} == used


def test_numbers_in_the_text() -> None:
    """Limits and pauses are those of the code."""
    assert f"at most {MAX_BUCKETS} buckets" in API
    assert f"1 to {MAX_LIMIT}; default 100" in API
    assert TOP_CUSTOMERS == 10
    assert "the ten with the highest total" in API
    assert (SHORTEST_SECONDS, LONGEST_SECONDS) == (0.5, 5.0)
    assert "every 5 seconds, never more than two per second" in " ".join(API.split())
    assert f"retry: {RETRY_MS}" in API
    assert f"At most {MAX_CUSTOMER_STREAMS} streams show the same customer" in API
    assert f"{MAX_STREAMS} live streams are open already, or {MAX_CUSTOMER_STREAMS} of one customer" in API


def fields_told(start: str) -> list[str]:
    """Return the names of the fields at the top of the JSON object in docs/api.md that begins with `start`."""
    text, depth = API[API.index(start) :], 0
    for end, letter in enumerate(text):  # noqa: B007
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(letter, 0)
        if depth == 0:
            break
    flat = text[1:end]
    while (flatter := re.sub(r"[{\[][^{}\[\]]*[}\]]", "", flat)) != flat:
        flat = flatter
    return [name for name in re.findall(r'"(\w+)"(?=\s*(?::|,|$))', re.sub(r':\s*"[^"]*"', ": 0", flat)) if name]


@pytest.mark.parametrize(
    ("start", "schema"),
    [
        ('{"name", "version"', Front),
        ('{"customers": [one', Customers),
        ('{"types": [one', Types),
        ('{"months": [{"month"', Months),
        ('{"invoices": [', Invoices),
        ('{"customer": "Charlie", "month"', Customer),
        ('{\n  "ready": true, "standalone"', Overview),
        ('{\n  "ready": true, "message"', CustomerOverview),
    ],
)
def test_fields_of_answers(start: str, schema: Any) -> None:
    """Each answer that the page writes out has all its fields and no other."""
    assert set(fields_told(start)) == set(schema.__annotations__)


def test_fields_while_catching_up() -> None:
    """What stands in the overview's place, too."""
    world = World()
    told = fields_told('{"ready": false')
    assert told == list(waiting(world.context, world.model.not_known()))
