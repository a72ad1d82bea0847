"""Memory that was freed is given back, where the C library can."""

import ctypes
from collections.abc import Callable

import pytest

from billing.runtime.memory import give_back_memory, keep_freed_memory, merge_freed_memory


def test_it_is_given_back_where_that_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one function of glibc; elsewhere nothing happens."""
    asked: list[int] = []

    class Library:
        def __init__(self, name: None) -> None:
            assert name is None

    monkeypatch.setattr(ctypes, "CDLL", Library)
    give_back_memory()
    monkeypatch.setattr(Library, "malloc_trim", lambda _, kept: asked.append(kept), raising=False)
    give_back_memory()
    assert asked == [0]
    monkeypatch.undo()
    give_back_memory()


@pytest.mark.parametrize(
    ("set_options", "expected"),
    [(merge_freed_memory, [(1, 0)]), (keep_freed_memory, [(-1, 268_435_456), (-3, 33_554_432)])],
)
def test_what_is_freed_is_merged_or_kept_where_the_library_can(
    monkeypatch: pytest.MonkeyPatch, set_options: Callable[[], bool], expected: list[tuple[int, int]]
) -> None:
    """By options of glibc: M_MXFAST, M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h; elsewhere nothing happens."""
    asked: list[tuple[int, int]] = []

    class Library:
        def __init__(self, name: None) -> None:
            assert name is None

    def mallopt(_: Library, option: int, value: int) -> int:
        asked.append((option, value))
        return 1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert not set_options()
    monkeypatch.setattr(Library, "mallopt", mallopt, raising=False)
    assert set_options()
    assert asked == expected
