"""The packed map behaves as a dict does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicer import packed_map
from invoicer.packed_map import PackedMap

puts = st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=5)), max_size=60)


@pytest.mark.parametrize("min_recent", [0, 3, 1_000])
@given(changes=puts)
def test_it_holds_what_a_dict_holds(min_recent: int, changes: list[tuple[int, bytes]]) -> None:
    """Whatever is put in, and however often it is packed, it holds the newest value of each key, in key order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_map, "_MIN_RECENT", min_recent)
        expected: dict[int, bytes] = {}
        packed = PackedMap()
        for key, value in changes:
            packed.put(key, value)
            expected[key] = value
    assert list(packed.items()) == sorted(expected.items())
    assert [packed.get(key) for key in range(32)] == [expected.get(key) for key in range(32)]
