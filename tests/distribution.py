"""Which process of pytest-xdist runs which test, and in which order."""

import pytest

# What takes long to come by: tests with these come before those that need nothing, which fill the end of a run.
DEAR_FIXTURES = {"kafka", "browser", "make_broker", "broker"}


# A longer text does not name a test.
LONGEST_NAME = 48


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long text by its argument: each process may draw another one, and all must agree on the tests' names."""
    return argname if isinstance(val, str) and len(val) > LONGEST_NAME else None


# Before pytest-xdist, which takes groups from the markers that it finds.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, for they share what is dear; those marked `spread` go to any.

    The latter wait for processes most of the time, and come first.
    """
    for item in items:
        if not _is_spread(item):
            item.add_marker(pytest.mark.xdist_group(_file(item)))
    dear_files = {_file(item) for item in items if DEAR_FIXTURES.intersection(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: 0 if _is_spread(item) else 1 if _file(item) in dear_files else 2)


def _is_spread(item: pytest.Item) -> bool:
    return item.get_closest_marker("spread") is not None


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
