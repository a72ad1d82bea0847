"""Ad hoc filters: what they say, and which values they let through."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import re2

from exporter.web.problems import unprocessable

KEYS = ("customer", "type", "month")

MAX_FILTERS = 100
_MAX_PATTERN = 500
# Of one pattern, in bytes: what needs more is refused when it is compiled.
_PATTERN_BYTES = 1 << 20

Test = Callable[[str], bool]


@dataclass(frozen=True)
class Filter:
    """One filter: a key, and the values that it lets through.

    Args:
        key: one of :data:`KEYS`.
        passes: tells whether a value goes through.
        exactly: the only values that can go through, if they can be listed.
    """

    key: str
    passes: Test
    exactly: tuple[str, ...] | None = None


def read_filters(body: dict[str, Any]) -> list[Filter]:
    """Return the filters of a request: simpod calls them `filters`, simple-json `adhocFilters`.

    Raises:
        ProblemError: a key, an operator or a pattern that there is not.
    """
    found: list[Filter] = []
    for name in ("filters", "adhocFilters"):
        raw = body.get(name) or []
        if not isinstance(raw, list):
            raise unprocessable("bad_filter", f"{name} is not a list", name)
        if len(raw) > MAX_FILTERS:
            raise unprocessable("bad_filter", f"{name} has more than {MAX_FILTERS} filters", name)
        found += [_read(item) for item in raw]
    return found


def passes(filters: Iterable[Filter], key: str, value: str) -> bool:
    """Say whether a value goes through all filters of its key."""
    return all(one.passes(value) for one in filters if one.key == key)


def listed(filters: Iterable[Filter], key: str) -> tuple[str, ...] | None:
    """Return the only values of a key that can go through, None if they cannot be listed."""
    lists = [one.exactly for one in filters if one.key == key and one.exactly is not None]
    return min(lists, key=len, default=None)


def require_keys(filters: Iterable[Filter], supported: Collection[str], target: str) -> None:
    """Refuse a filter that a target cannot follow: leaving it out would show a wrong number.

    Raises:
        ProblemError: there is one.
    """
    for one in filters:
        if one.key not in supported:
            raise unprocessable("bad_filter", f"{target} cannot be filtered by {one.key}", one.key)


def _read(raw: object) -> Filter:
    if not isinstance(raw, dict) or not isinstance(raw.get("key"), str):
        raise unprocessable("bad_filter", "a filter has no key")
    key = raw["key"]
    if key not in KEYS:
        raise unprocessable("bad_filter", f"{key[:40]!r} is not one of the keys {', '.join(KEYS)}", key[:40])
    values = raw.get("values")
    texts = [str(value) for value in values] if isinstance(values, list) and values else [str(raw.get("value", ""))]
    operator, chosen = raw.get("operator", "="), frozenset(texts)
    if operator in ("=", "=|"):
        return Filter(key, lambda value: value in chosen, tuple(texts))
    if operator in ("!=", "!=|"):
        return Filter(key, lambda value: value not in chosen)
    test = _test(operator, texts[0])
    if test is None:
        raise unprocessable("bad_filter", f"{operator!r} is no operator; there are = != =~ !~ < > =| !=|", key)
    return Filter(key, test)


def _test(operator: object, text: str) -> Test | None:
    match operator:
        case "=~":
            pattern = _pattern(text)
            return lambda value: pattern.fullmatch(value) is not None
        case "!~":
            pattern = _pattern(text)
            return lambda value: pattern.fullmatch(value) is None
        case "<":
            return lambda value: value < text
        case ">":
            return lambda value: value > text
    return None


def _pattern(text: str) -> Any:
    """Compile a pattern with RE2, which never goes back: matching takes time in proportion to the text, whatever it is.

    It has no look-around and no references to groups.
    """
    if len(text) > _MAX_PATTERN:
        raise unprocessable("bad_filter", f"the regular expression has more than {_MAX_PATTERN} characters")
    options = re2.Options()
    options.max_mem, options.log_errors = _PATTERN_BYTES, False
    try:
        return re2.compile(text, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise unprocessable("bad_filter", f"not a regular expression of RE2's: {_told(error)}") from None


def _told(error: Exception) -> str:
    """Return what RE2 says of a pattern."""
    told = error.args[0] if error.args else error
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)
