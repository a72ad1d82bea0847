"""Money as integers of micros (10^-6 of the currency unit): parsed exactly, summed exactly, rounded once."""

import re

MICROS_PER_UNIT = 1_000_000
MICROS_PER_CENT = 10_000
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
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise AmountError(_no_amount(text))
    # Without its padding zeros no part is longer than what int() takes.
    sign, units, fraction = match[1], match[2].lstrip("0"), (match[3] or "").rstrip("0")
    if len(fraction) > FRACTION_DIGITS:
        raise TooPreciseError(f"{text[:40]!r} has {len(fraction)} fractional digits; {FRACTION_DIGITS} are allowed")
    if len(units) > MAX_UNIT_DIGITS:
        raise AmountError(f"{text[:40]!r} is not below 10^{MAX_UNIT_DIGITS}")
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


def round_to_cents(micros: int) -> int:
    """Return whole cents, half-up: half a cent goes away from zero, so a credit mirrors its charge."""
    cents = (abs(micros) + MICROS_PER_CENT // 2) // MICROS_PER_CENT
    return -cents if micros < 0 else cents


def format_cents(cents: int) -> str:
    """Return the decimal text with two fractional digits: ``19999`` is ``199.99``."""
    units, fraction = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{units}.{fraction:02d}"


def format_rounded(micros: int) -> str:
    """Return the amount rounded half-up to the cent, with two fractional digits."""
    return format_cents(round_to_cents(micros))


def average_micros(total: int, count: int) -> int | None:
    """Return the average of `count` amounts in micros, the half rounded up; None if there are none."""
    return (2 * total + count) // (2 * count) if count else None


def micros_to_float(micros: int) -> float:
    """Return units as a float, for the last step before a Prometheus or Grafana number and nowhere else."""
    return micros / MICROS_PER_UNIT
