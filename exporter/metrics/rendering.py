"""Families as text: the same bytes that prometheus_client makes, several times faster for many series.

A series' name and labels seldom change, so they are put together once and kept; what is left is the number.
"""

from collections.abc import Iterable

from prometheus_client.utils import floatToGoString

from exporter.metrics.family import Family, Number

_MILLION = 1_000_000


class Renderer:
    """Renders families again and again, remembering the text of their labels."""

    def __init__(self) -> None:
        self._prefixes: dict[str, dict[tuple[str, ...], str]] = {}

    def render(self, families: Iterable[Family], openmetrics: bool) -> bytes:
        """Return the families as text 0.0.4, or as OpenMetrics 1.0 without its end mark."""
        known, self._prefixes = self._prefixes, {}
        lines: list[str] = []
        for family in families:
            lines += _header(family, openmetrics)
            before = known.get(family.name, {})
            kept = self._prefixes[family.name] = {}
            for values, number in family.rows:
                prefix = kept[values] = before.get(values) or _prefix(family, values)
                # Below a million, and that is most numbers, the text is Python's own.
                text = repr(float(number)) if -_MILLION < number < _MILLION else number_text(number)
                lines.append(f"{prefix} {text}\n")
        return "".join(lines).encode()


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
