"""Takes a map that a person wrote apart, key by key: each of the right kind, and none that nobody knows."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

Value = TypeVar("Value")

_TRUE, _FALSE = {"true", "yes", "on", "y"}, {"false", "no", "off", "n"}


class Fields:
    """The keys of one map. A message names a key and where it is, never what it holds.

    Args:
        where: of which key it is the value; empty: the whole file.
        content: what YAML says; nothing is an empty map.

    Raises:
        ValueError: it is no map.
    """

    def __init__(self, where: str, content: object) -> None:
        content = {} if content is None else content
        if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
            raise ValueError(f"{where or 'the file'}: expected a map")
        self._where = f"{where}: " if where else ""
        self._content: dict[str, object] = content
        self._known: set[str] = set()

    def _take(self, name: str) -> object:
        self._known.add(name)
        return self._content.get(name)

    def _wrong(self, name: str, expected: str) -> ValueError:
        return ValueError(f"{self._where}{name}: expected {expected}")

    def inner(self, name: str) -> "Fields":
        """Return the map that a key holds; an empty one if it is missing."""
        return Fields(f"{self._where}{name}", self._take(name))

    def text(self, name: str) -> str:
        """Return the text that a key holds; empty if it is missing."""
        value = self._take(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "text")
        return value or ""

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return the texts of a list; None if it is missing."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._wrong(name, "a list of texts")
        return tuple(value)

    def texts_by_name(self, name: str) -> Mapping[str, str]:
        """Return a map of texts; an empty one if it is missing."""
        inner = self.inner(name)
        return {one: inner.text(one) for one in inner._content}

    def flag(self, name: str, default: bool) -> bool:
        """Return what is true or false."""
        text = self.text(name).lower()
        if text not in _TRUE | _FALSE | {""}:
            raise self._wrong(name, "true or false")
        return text in _TRUE if text else default

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        text = self.text(name)
        if not re.fullmatch(r"([+-]?\d{1,9})?", text):
            raise self._wrong(name, "a whole number")
        return int(text) if text else default

    def choice(self, name: str, allowed: Mapping[str, Value], default: str) -> Value:
        """Return what one of the allowed texts stands for."""
        return allowed[self._allowed(name, self.text(name) or default, allowed)]

    def choices(self, name: str, allowed: Iterable[str]) -> tuple[str, ...]:
        """Return a list of allowed texts."""
        known = list(allowed)
        return tuple(self._allowed(name, one, known) for one in self.texts(name) or ())

    def _allowed(self, name: str, text: str, allowed: Iterable[str]) -> str:
        known = list(allowed)
        if text not in known:
            raise ValueError(f"{self._where}{name}: {text[:60]!r} is none of {', '.join(filter(None, known))}")
        return text

    def given(self, *names: str) -> bool:
        """Say whether one of these keys holds anything."""
        return any(self._content.get(name) for name in names)

    def refuse_others(self) -> None:
        """Refuse what nobody has asked for.

        Raises:
            ValueError: there is such a key.
        """
        for name in self._content:
            if name not in self._known:
                near = get_close_matches(name, self._known, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(self._known))}"
                raise ValueError(f"{self._where}there is no key {name[:60]!r}{hint}")
