"""Runs of customers are sorted by number, then by name, whatever the names and however many have the same number."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from exporter.kernel.order import sort_by_key
from exporter.model.name_order import by_name
from exporter.model.names import Names
from exporter.model.run import Run
from tests.examples import examples

letters = st.sampled_from(["a", "b", "é", "\x00", "日", "\x7f", "same-beginning-"])
name_sets = st.sets(st.lists(letters, max_size=8).map("".join), max_size=300) | st.integers(65, 400).map(
    lambda count: {f"customer-{number:05d}" for number in range(count)}
)


def known(texts: list[str]) -> tuple[Names, NDArray[np.int32]]:
    names = Names()
    return names, np.array([names.add(text) for text in texts], np.int32)


def everybody(codes: NDArray[Any]) -> NDArray[np.bool_]:
    return np.ones(len(codes), np.bool_)


@settings(max_examples=examples(200))
@given(texts=name_sets, rng=st.randoms(use_true_random=False), kinds=st.integers(1, 4))
def test_a_run_is_sorted(texts: set[str], rng: Any, kinds: int) -> None:
    """And is read on from behind any place, there or not."""
    shuffled = sorted(texts)
    rng.shuffle(shuffled)
    names, codes = known(shuffled)
    keys = [rng.randrange(kinds) for _ in shuffled]
    entries = sorted(zip(keys, shuffled, strict=True))
    run = Run(names, codes, np.array(keys, np.int64))
    assert list(run.entries(None, everybody)) == entries
    assert run.first(5) == ([key for key, _ in entries[:5]], [name for _, name in entries[:5]])
    for place in [*entries[:3], *entries[-3:], (0, "am"), (-(2**70), ""), (2**70, "")]:
        assert list(run.entries(place, everybody)) == [entry for entry in entries if entry > place]


@settings(max_examples=examples(200))
@given(texts=name_sets)
def test_names_are_sorted(texts: set[str]) -> None:
    """By code points, which is how Python sorts them."""
    names, codes = known(list(texts))
    assert names.texts(by_name(names, codes)) == sorted(texts)


@given(st.lists(st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1)), max_size=200))
def test_keys_are_sorted_as_numpy_sorts_them(keys: list[int]) -> None:
    """Near each other, or as far as 64 bits let them be; those that are the same keep their order."""
    numbers, codes = np.array(keys, np.int64), np.arange(len(keys), dtype=np.int32)
    expected = np.argsort(numbers, kind="stable")
    sorted_numbers = numbers[expected]
    sort_by_key(numbers, codes, np.empty_like(numbers), np.empty_like(codes))
    assert codes.tolist() == expected.tolist()
    assert numbers.tolist() == sorted_numbers.tolist()
