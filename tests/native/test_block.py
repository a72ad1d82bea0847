"""Blocks of records: values and keys that are copied many at once are those that are copied one by one."""

import ctypes
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from billing.runtime.native.block import PartitionRecords, RecordBlock, joined_if_any
from billing.runtime.native.copying import copies

# From none to more than are copied at once, of every size around the one that is still small.
TEXTS = st.none() | st.binary(max_size=20) | st.integers(16_380, 16_390).map(lambda size: b"x" * size)


SOME, TIMES = st.lists(TEXTS, min_size=1, max_size=30), st.integers(1, 80)


@given(SOME, TIMES, st.randoms(use_true_random=False))
def test_values_and_keys_of_many_records(some: list[bytes | None], times: int, draw: random.Random) -> None:
    """Whatever is chosen, in whatever order and however often."""
    texts = some * times
    keys = texts[::-1]
    buffers = joined_if_any(texts), joined_if_any(keys)
    columns = [*(numbers for _, *both in buffers for numbers in both)]
    numbers = np.arange(len(texts), dtype=np.int64)
    part = PartitionRecords(RecordBlock(np.stack([0 * numbers, numbers, *columns])), slice(0, len(texts)))
    chosen = draw.choices(range(len(texts)), k=len(texts))
    assert [*part.values_at(chosen)] == [part.value(i) for i in chosen] == [texts[i] for i in chosen]
    held = part.gathered(chosen)
    found_keys, found_values = (copies(*places) for _, *places in held)
    assert found_keys == [part.key(i) for i in chosen] == [keys[i] for i in chosen]
    assert found_values == [texts[i] for i in chosen]


def test_long_texts_are_not_copied() -> None:
    """Short and long ones, and those that are not there, are found where they are said to lie."""
    for size in (0, 1, 20_000):
        texts = [None if index % 5 == 4 else bytes([index]) * (size + index) for index in range(23)]
        kept, addresses, lengths = joined_if_any(texts)
        found = [
            None if length < 0 else ctypes.string_at(int(place), int(length))
            for place, length in zip(addresses, lengths, strict=True)
        ]
        assert found == texts
        assert isinstance(kept, bytes) == (size < 20_000)
