"""One value or several, in every form in which Grafana's variables arrive; and ad hoc filters."""

from typing import Any

import pytest

from exporter.query.filters import passes, read_filters
from exporter.query.values import Choice, read_choice
from exporter.web.problems import ProblemError

KNOWN = {"a.b", "c", "x-1", "Smith, Jones", "{curly}", "(round)", "back\\slash", "a,b|c", "All", "[1]", "50"}


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ("x-1", ["x-1"]),
        ("a.b,c", ["a.b", "c"]),
        ("a.b, c", ["a.b", "c"]),
        (["a.b", "c"], ["a.b", "c"]),
        ('["a.b","c"]', ["a.b", "c"]),
        ("{a.b,c}", ["a.b", "c"]),
        (r"(a\.b|c)", ["a.b", "c"]),
        (r"(a\.b)", ["a.b"]),
        (r"a\.b", ["a.b"]),
        (r"x\-1", ["x-1"]),
        ("back\\slash", ["back\\slash"]),
        ("Smith, Jones", ["Smith, Jones"]),
        ("c,Smith, Jones,a.b", ["c", "Smith, Jones", "a.b"]),
        ("{curly}", ["{curly}"]),
        ("(round)", ["(round)"]),
        ("(round),c", ["(round)", "c"]),
        ("a,b|c", ["a,b|c"]),
        ("[1]", ["[1]"]),
        (50, ["50"]),
        ("nobody", ["nobody"]),
        ("c,c", ["c"]),
        ("All", ["All"]),
    ],
)
def test_values(raw: object, values: list[str]) -> None:
    """A list, csv, JSON text, braces, a regular expression; a name as it stands wins over every form."""
    assert read_choice("customer", raw, KNOWN.__contains__) == Choice(tuple(values), given=True)


@pytest.mark.parametrize("raw", ["*", ".*", "$__all", "all", ["$__all"], ["c", "*"], "{*}"])
def test_all(raw: object) -> None:
    """Every spelling of all."""
    assert read_choice("customer", raw, KNOWN.__contains__) == Choice(None, given=True)


@pytest.mark.parametrize("raw", [None, "", [], "[]", "{}"])
def test_absent(raw: object) -> None:
    """Nothing is not all: a target may refuse it."""
    assert read_choice("customer", raw, KNOWN.__contains__) == Choice(None, given=False)


@pytest.mark.parametrize("raw", [{"a": 1}, True, [["a"]], [None]])
def test_no_values(raw: object) -> None:
    """An object is none of the forms."""
    with pytest.raises(ProblemError) as raised:
        read_choice("customer", raw, KNOWN.__contains__)
    assert (raised.value.status, raised.value.field) == (422, "customer")


@pytest.mark.parametrize(
    ("operator", "value", "through"),
    [
        ("=", "b", ["b"]),
        ("!=", "b", ["a", "c", "ab"]),
        ("=~", "a.*", ["a", "ab"]),
        ("=~", "b", ["b"]),
        ("!~", "a.*", ["b", "c"]),
        ("<", "b", ["a", "ab"]),
        (">", "b", ["c"]),
    ],
)
@pytest.mark.parametrize("name", ["filters", "adhocFilters"])
def test_operators(name: str, operator: str, value: str, through: list[str]) -> None:
    """Under both names; a regular expression matches the whole value."""
    filters = read_filters({name: [{"key": "customer", "operator": operator, "value": value}]})
    assert [one for one in ("a", "b", "c", "ab") if passes(filters, "customer", one)] == through


@pytest.mark.parametrize(("operator", "through"), [("=|", ["a", "b"]), ("!=|", ["c"])])
def test_operators_of_several_values(operator: str, through: list[str]) -> None:
    """One of, and none of."""
    filters = read_filters({"filters": [{"key": "type", "operator": operator, "value": "a", "values": ["a", "b"]}]})
    assert [one for one in ("a", "b", "c") if passes(filters, "type", one)] == through


@pytest.mark.parametrize(
    "raw",
    [
        [{"key": "colour", "operator": "=", "value": "red"}],
        [{"key": "customer", "operator": "~", "value": "a"}],
        [{"key": "customer", "operator": "=~", "value": "("}],
        [{"key": "customer", "operator": "=~", "value": r"(a)\1"}],
        [{"key": "customer", "operator": "=~", "value": "(?=a)"}],
        [{"key": "customer", "operator": "=~", "value": "a" * 501}],
        ["customer"],
        [{}],
        {"key": "customer"},
    ],
)
def test_filters_that_are_none(raw: Any) -> None:
    """Left out, they would show a wrong number."""
    with pytest.raises(ProblemError) as raised:
        read_filters({"filters": raw})
    assert (raised.value.status, raised.value.code) == (422, "bad_filter")
