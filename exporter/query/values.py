"""One value or several, in every form in which Grafana's variables arrive."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from exporter.web.problems import unprocessable

ALL = frozenset({"*", ".*", "All", "all", "$__all"})
MAX_VALUES = 10_000

# A name may have commas itself; so many pieces of a list are tried together as one name.
_MAX_COMMAS = 8
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Known = Callable[[str], bool]


@dataclass(frozen=True)
class Choice:
    """What a key chooses.

    Args:
        values: the chosen ones, in their order and each once; None chooses all.
        given: whether the key says so, rather than being absent or empty.
    """

    values: tuple[str, ...] | None = None
    given: bool = False

    def includes(self, value: str) -> bool:
        """Say whether a value is chosen."""
        return self.values is None or value in self.values


def read_choice(key: str, raw: object, known: Known) -> Choice:
    """Return what a payload's value chooses.

    Args:
        key: its name, for the error.
        raw: a text, a list of texts, or None.
        known: tells whether a text as it stands is a value that there is.

    Raises:
        ProblemError: it is none of these.
    """
    values = _values(key, raw, known)
    if not values:
        return Choice()
    if any(value in ALL and not known(value) for value in values):
        return Choice(None, given=True)
    if len(values) > MAX_VALUES:
        raise unprocessable("bad_payload", f"{key} has {len(values)} values; {MAX_VALUES} are allowed", key)
    return Choice(tuple(dict.fromkeys(values)), given=True)


def _values(key: str, raw: object, known: Known) -> list[str]:
    if raw is None:
        return []
    if isinstance(raw, list):
        return [_text(key, item) for item in raw]
    return _split(_text(key, raw), known)


def _text(key: str, raw: object) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    raise unprocessable("bad_payload", f"{key} is neither a text nor a list of texts", key)


def _split(text: str, known: Known) -> list[str]:
    """Take a text apart: a name as it stands, a JSON list, ``{a,b}``, ``(a|b)``, ``a,b``, an escaped name."""
    if not text:
        return []
    if known(text) or text in ALL:
        return [text]
    if text.startswith("[") and (items := _json_list(text)) is not None:
        return items
    if text.startswith("{") and text.endswith("}"):
        return _by_comma(text[1:-1], known)
    if text.startswith("(") and text.endswith(")"):
        return [_unescaped(piece, known) for piece in re.split(r"(?<!\\)\|", text[1:-1])]
    if "," in text:
        return _by_comma(text, known)
    return [_unescaped(text, known)]


def _json_list(text: str) -> list[str] | None:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return [item if isinstance(item, str) else str(item) for item in items]


def _by_comma(text: str, known: Known) -> list[str]:
    pieces, values, start = text.split(","), [], 0
    while start < len(pieces):
        for end in range(min(len(pieces), start + _MAX_COMMAS), start, -1):
            value = ",".join(pieces[start:end])
            if end == start + 1 or known(value):
                break
        values.append(value if known(value) else _unescaped(value.strip(), known))
        start = end
    return [value for value in values if value]


def _unescaped(text: str, known: Known) -> str:
    """Undo the escapes of a regular expression, unless there is such a name."""
    return text if "\\" not in text or known(text) else _ESCAPED.sub(r"\1", text)
