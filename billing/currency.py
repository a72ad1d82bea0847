"""What is known of a currency: its digits, symbol and name, from Unicode's CLDR by way of Babel.

The one place for it: Python code that shows or names money asks here, and the page asks the browser's own CLDR.
"""

from functools import cache

from babel.numbers import get_currency_name, get_currency_precision, get_currency_symbol, list_currencies

LOCALE = "en"


def is_known(currency: str) -> bool:
    """Say whether CLDR knows a code, so that its digits are no guess."""
    return currency in list_currencies(LOCALE)


@cache
def minor_digits(currency: str) -> int:
    """Return how many fractional digits an amount of a currency is billed with: 2 for EUR, 0 for JPY, 3 for KWD.

    A code that CLDR does not know (:func:`is_known`) has 2.
    """
    return get_currency_precision(currency)


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
