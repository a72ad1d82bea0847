"""What things cost: how often each event type comes up and between which amounts, in micros."""

from dataclasses import dataclass
from random import Random

from billing.money import FRACTION_DIGITS, MICROS_PER_UNIT, format_micros

MIN_FRACTION_DIGITS = 2


@dataclass(frozen=True)
class PriceRange:
    """The amounts of one type, both ends inclusive, in micros, and its weight among the types."""

    weight: int
    low_micros: int
    high_micros: int


PRICES = {
    "MESSAGE": PriceRange(40, 10_000, 250_000),
    "DATA": PriceRange(30, 100, 2 * MICROS_PER_UNIT),
    "CALL": PriceRange(20, 50_000, 8 * MICROS_PER_UNIT),
    "PACK": PriceRange(4, 5 * MICROS_PER_UNIT, 60 * MICROS_PER_UNIT),
}
# MISC, and any type that a deployment adds.
OTHER = PriceRange(6, 10_000, 200 * MICROS_PER_UNIT)


def price_of(type_: str) -> PriceRange:
    """Return the price range of an event type."""
    return PRICES.get(type_, OTHER)


def draw_amount(random: Random, price: PriceRange) -> tuple[int, str]:
    """Return an amount as micros and as the text with two to six fractional digits that means the same."""
    micros = price.low_micros + int(random.random() * (price.high_micros - price.low_micros + 1))
    dropped = int(random.random() * (FRACTION_DIGITS - MIN_FRACTION_DIGITS + 1))
    micros -= micros % 10**dropped
    text = format_micros(micros)
    return micros, text[:-dropped] if dropped else text
