"""The scratch database sums exactly."""

from collections import defaultdict
from collections.abc import Iterator
from sqlite3 import Connection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb.audit.scratch import Amount, AmountTable, LatestTable, scratch_database

rows = st.lists(st.tuples(st.sampled_from(["a", "b", "ü🦊'"]), st.integers(-(10**20), 10**20), st.integers(0, 9)))


@pytest.fixture
def database() -> Iterator[Connection]:
    with scratch_database() as database:
        yield database


@given(rows, rows)
def test_sums_are_exact_beyond_64_bits(one: list[tuple[str, int, int]], other: list[tuple[str, int, int]]) -> None:
    """Whatever the order and size, sums equal those of whole numbers in Python, and so do the differences."""
    expected: dict[str, dict[str, list[int]]] = {
        "one": defaultdict(lambda: [0, 0]),
        "other": defaultdict(lambda: [0, 0]),
    }
    with scratch_database() as database:
        table = AmountTable(database, "sums", ("name",), ("one", "other"))
        for side, amounts in (("one", one), ("other", other)):
            for name, micros, count in amounts:
                table.add(side, [((name,), micros, count)])
                expected[side][name][0] += micros
                expected[side][name][1] += count
            assert table.total(side) == Amount(sum(m for _, m, _ in amounts), sum(n for _, _, n in amounts))
        names = {name for name, _, _ in one + other}
        assert {(key[0], a.micros, a.count, b.micros, b.count) for key, a, b in table.unequal("one", "other")} == {
            (name, *expected["one"][name], *expected["other"][name])
            for name in names
            if expected["one"][name] != expected["other"][name]
        }


def test_fewer_means_fewer_events_or_as_many_of_another_sum(database: Connection) -> None:
    """A side may lag behind by whole events; with as many the sums must be the same."""
    table = AmountTable(database, "sums", ("name",), ("one", "other", "spare"))
    table.add("one", [(("equal",), 5, 2), (("more",), 9, 3), (("fewer",), 5, 1), (("different",), 5, 2)])
    table.add("other", [(("equal",), 5, 2), (("more",), 5, 2), (("fewer",), 9, 2), (("different",), 6, 2)])
    assert sorted(str(key[0]) for key, _, _ in table.fewer("one", "other", "spare")) == ["different", "fewer"]


def test_fewer_by_what_may_be_in_either_is_no_fewer(database: Connection) -> None:
    """Events that one side may know of and the other not; there their sums say nothing."""
    table = AmountTable(database, "sums", ("name",), ("one", "other", "spare"))
    table.add("one", [(("spared",), 5, 1), (("fewer",), 5, 1), (("different",), 5, 2)])
    table.add("other", [(("spared",), 9, 2), (("fewer",), 9, 3), (("different",), 6, 2)])
    table.add("spare", [(("spared",), 4, 1), (("fewer",), 4, 1), (("different",), 4, 1)])
    assert [key for key, _, _ in table.fewer("one", "other", "spare")] == [("fewer",)]


def test_the_newest_value_of_a_key_counts(database: Connection) -> None:
    """As in a compacted topic; one without a value removes its key."""
    table = LatestTable(database, "latest")
    table.put([(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", b"1"), (b"c", None)])
    table.put([(b"b", b"3")])
    assert list(table) == [(b"a", b"2"), (b"b", b"3")]
