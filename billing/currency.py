"""What is known of a currency: its digits by ISO 4217, its symbol and name by Unicode's CLDR, by way of Babel.

CLDR's digits are those of ISO 4217 but for currencies whose coins are out of use: there it has none, since prices are
written so. Invoices are not prices in a shop: they are paid through banks, which transfer what ISO 4217 says.

The one place for it: Python code that shows or names money asks here. The page asks the browser for symbols, and
has the digits in a table in `money.js`, since browsers differ in them.
"""

from functools import cache

from babel.numbers import get_currency_name, get_currency_precision, get_currency_symbol, list_currencies

LOCALE = "en"

# The minor unit of ISO 4217 where CLDR has another.
ISO_DIGITS = {
    "AFN": 2, "ALL": 2, "IQD": 3, "IRR": 2, "KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2, "MMK": 2, "RSD": 2, "SOS": 2,
    "SYP": 2, "YER": 2,
}  # fmt: skip
# ISO 4217 gives these no minor unit: metals, units of account between banks, codes for tests and for none.
WITHOUT_MINOR_UNIT = frozenset(
    ("XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX")
)


def is_known(currency: str) -> bool:
    """Say whether a code has a minor unit that is known, so that its digits are no guess."""
    return currency in list_currencies(LOCALE) and currency not in WITHOUT_MINOR_UNIT


@cache
def minor_digits(currency: str) -> int:
    """Return how many fractional digits an amount of a currency is billed with: 2 for EUR, 0 for JPY, 3 for KWD.

    Of a code that ISO 4217 does not list any more it is CLDR's; a code that is not known (:func:`is_known`) has 2.
    """
    return ISO_DIGITS.get(currency, get_currency_precision(currency))


@cache
def symbol(currency: str) -> str:
    """Return a currency's symbol as English text has it, or its code where it has none: €, CA$, CHF."""
    return get_currency_symbol(currency, LOCALE)


@cache
def prefix(currency: str) -> str:
    """Return what stands before an amount: the symbol, and a space behind one that ends with a letter."""
    shown = symbol(currency)
    return f"{shown} " if shown[-1].isalpha() else shown


@cache
def name(currency: str) -> str:
    """Return a currency's English name, or its code where CLDR has none."""
    return get_currency_name(currency, locale=LOCALE)


def metric_suffix(currency: str) -> str:
    """Return the end of the names of money metrics: ``euros``, or the code in lower case."""
    return "euros" if currency == "EUR" else currency.lower()
