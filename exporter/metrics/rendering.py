"""Families as text: the same bytes that prometheus_client makes, several times faster for many series.

A series' name and labels seldom change, so they are put together once and kept; what is left is the number.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat

import numpy as np
import orjson
from prometheus_client.utils import floatToGoString

from exporter.metrics.family import Family, Number

_MILLION = 1_000_000
_SMALL = 0.0001
_LINE_ENDS = repeat("\n")


class Renderer:
    """Renders families again and again, remembering the text of their labels."""

    def __init__(self) -> None:
        self._prefixes: dict[str, dict[tuple[str, ...], str]] = {}

    def render(self, families: Iterable[Family], openmetrics: bool) -> bytes:
        """Return the families as text 0.0.4, or as OpenMetrics 1.0 without its end mark."""
        known, self._prefixes = self._prefixes, {}
        pieces: list[str] = []
        for family in families:
            pieces += _header(family, openmetrics)
            if family.rows:
                labels, numbers = zip(*family.rows, strict=True)
                prefixes = self._prefixes[family.name] = _prefixes(family, labels, known.get(family.name, {}))
                lines = zip(map(prefixes.__getitem__, labels), _texts(numbers), _LINE_ENDS, strict=False)
                pieces += chain.from_iterable(lines)
        return "".join(pieces).encode()


def _prefixes(
    family: Family, labels: tuple[tuple[str, ...], ...], known: dict[tuple[str, ...], str]
) -> dict[tuple[str, ...], str]:
    """Return what stands before the number in each line, by labels."""
    if len(known) == len(labels) and all(map(known.__contains__, labels)):
        return known
    return {values: known.get(values) or f"{_prefix(family, values)} " for values in labels}


def _texts(numbers: Sequence[Number]) -> list[str]:
    floats = np.array(numbers, np.float64)
    sizes = np.abs(floats)
    # Within these bounds, and most numbers are, JSON's text is Python's, and that is Prometheus's.
    if np.all((sizes < _MILLION) & ((sizes >= _SMALL) | (sizes == 0))):
        return orjson.dumps(floats.tolist())[1:-1].decode().split(",")
    return [repr(one) if -_MILLION < one < _MILLION else number_text(one) for one in floats.tolist()]


def number_text(number: Number) -> str:
    """Return a number as prometheus_client writes it."""
    text: str = floatToGoString(number)  # type: ignore[no-untyped-call]
    return text


def _header(family: Family, openmetrics: bool) -> list[str]:
    # OpenMetrics names the counter without its suffix.
    name = family.name if openmetrics else family.sample_name
    text = _escape(family.help) if openmetrics else family.help.replace("\\", r"\\").replace("\n", r"\n")
    return [f"# HELP {name} {text}\n", f"# TYPE {name} {family.kind.value}\n"]


def _prefix(family: Family, values: tuple[str, ...]) -> str:
    if not values:
        return family.sample_name
    # prometheus_client writes labels in the order of their names.
    pairs = sorted(zip(family.labels, values, strict=True))
    labels = ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)
    return f"{family.sample_name}{{{labels}}}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
