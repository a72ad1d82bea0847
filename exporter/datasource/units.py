"""Fields of the usual kinds, with the units that Grafana shows them in."""

from collections.abc import Mapping, Sequence

from billing.currency import minor_digits, prefix
from billing.money import format_micros, micros_to_float
from exporter.datasource.frames import Field


def money_unit(currency: str) -> str:
    """Return the unit that shows money in full, to the minor unit."""
    return f"currency:financial:{prefix(currency)}"


def money_field(
    name: str,
    micros: Sequence[int | None],
    currency: str,
    decimals: int | None = None,
    display: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Field:
    """Return money as numbers, by default with the digits of the currency's minor unit."""
    values = [None if value is None else micros_to_float(value) for value in micros]
    digits = minor_digits(currency) if decimals is None else decimals
    return Field(name, "number", values, money_unit(currency), digits, display, labels or {})


def price_digits(currency: str) -> int:
    """Return the digits of an average price: two more than an amount has."""
    return minor_digits(currency) + 2


def exact_field(name: str, micros: Sequence[int]) -> Field:
    """Return the same money as text, to the micro."""
    return Field(name, "string", [format_micros(value) for value in micros])


def fraction_field(name: str, values: Sequence[float | None]) -> Field:
    """Return fractions, shown in percent."""
    return Field(name, "number", values, "percentunit", 1)


def count_field(name: str, values: Sequence[int | None]) -> Field:
    """Return whole numbers."""
    return Field(name, "number", values, "none", 0)


def text_field(name: str, values: Sequence[str]) -> Field:
    """Return texts."""
    return Field(name, "string", values)


def time_field(name: str, values: Sequence[int | None]) -> Field:
    """Return times in milliseconds."""
    return Field(name, "time", values)
