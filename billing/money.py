"""Money as integers of micros (10^-6 of the currency unit): parsed exactly, summed exactly, rounded once."""

import re
from functools import lru_cache

from billing.currency import minor_digits

MICROS_PER_UNIT = 1_000_000
FRACTION_DIGITS = 6

# Eighteen digits, six of them behind the point: what a Decimal(18, 6) holds.
MAX_AMOUNT_MICROS = 10**18 - 1
MAX_UNIT_DIGITS = 12

_AMOUNT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")


class AmountError(ValueError):
    """A text that is no amount of money, or one too large to bill."""


class TooPreciseError(AmountError):
    """An amount with more than six fractional digits: it is refused rather than rounded."""


def parse_amount(text: str) -> int:
    """Return the micros that a decimal text such as ``199.99`` or ``-3`` stands for.

    The text is an optional sign, digits, and optionally a point with digits, of which no more than six count;
    no exponent, no spaces, no thousands separators.

    Raises:
        TooPreciseError: more than six fractional digits, not counting zeros at the end.
        AmountError: anything else, or a magnitude of 10^12 units and more.
    """
    micros = micros_or_mistake(text)
    if isinstance(micros, AmountError):
        raise micros
    return micros


def micros_or_mistake(text: str) -> int | AmountError:
    """Return what :func:`parse_amount` returns, or what it raises: for those who meet many mistakes."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return AmountError(_no_amount(text))
    # Without its padding zeros no part is longer than what int() takes.
    sign, units, fraction = match[1], match[2].lstrip("0"), (match[3] or "").rstrip("0")
    if len(fraction) > FRACTION_DIGITS:
        return TooPreciseError(f"{text[:40]!r} has {len(fraction)} fractional digits; {FRACTION_DIGITS} are allowed")
    if len(units) > MAX_UNIT_DIGITS:
        return AmountError(f"{text[:40]!r} is not below 10^{MAX_UNIT_DIGITS}")
    micros = int(units or "0") * MICROS_PER_UNIT + int(fraction.ljust(FRACTION_DIGITS, "0"))
    return -micros if sign == "-" else micros


def _no_amount(text: str) -> str:
    shown = repr(text[:40])
    if text != text.strip():
        return f"{shown} begins or ends with a space"
    if "," in text:
        return f"{shown} has a comma; a point goes before the fraction, and nothing between thousands"
    return f"{shown} is not a decimal number"


def format_micros(micros: int) -> str:
    """Return the exact decimal text with six fractional digits: ``199990000`` is ``199.990000``."""
    units, fraction = divmod(abs(micros), MICROS_PER_UNIT)
    return f"{'-' if micros < 0 else ''}{units}.{fraction:06d}"


@lru_cache(maxsize=1_024)
def micros_per_minor(currency: str) -> int:
    """Return the micros of a currency's minor unit: 10,000 for the cent of EUR, 1,000,000 for JPY, 1,000 for KWD."""
    return int(10 ** (FRACTION_DIGITS - minor_digits(currency)))


def round_to_minor(micros: int, currency: str) -> int:
    """Return whole minor units, half-up: half a unit goes away from zero, so a credit mirrors its charge."""
    unit = micros_per_minor(currency)
    minor = (abs(micros) + unit // 2) // unit
    return -minor if micros < 0 else minor


def format_minor(minor: int, currency: str) -> str:
    """Return the decimal text with the currency's digits: ``19999`` is ``199.99`` EUR or ``19999`` JPY."""
    digits = minor_digits(currency)
    units, fraction = divmod(abs(minor), 10**digits)
    point = f".{fraction:0{digits}d}" if digits else ""
    return f"{'-' if minor < 0 else ''}{units}{point}"


def format_rounded(micros: int, currency: str) -> str:
    """Return the amount rounded half-up to the currency's minor unit, with as many fractional digits."""
    return format_minor(round_to_minor(micros, currency), currency)


def average_micros(total: int, count: int) -> int | None:
    """Return the average of `count` amounts in micros, the half rounded up; None if there are none."""
    return (2 * total + count) // (2 * count) if count else None


def micros_to_float(micros: int) -> float:
    """Return units as a float, for the last step before a Prometheus or Grafana number and nowhere else."""
    return micros / MICROS_PER_UNIT
