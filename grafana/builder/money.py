"""What a currency is called in metric names and in Grafana's units."""

from dataclasses import dataclass

from billing.currency import metric_suffix, minor_digits, prefix

# Grafana's short currency units, which write 1,250,000 as 1.25M: fit for an axis, not for a total.
_SHORT_UNITS = {"EUR", "USD", "GBP", "JPY", "INR", "KRW", "PLN", "CHF", "SEK", "NOK", "DKK", "CZK"}


@dataclass(frozen=True)
class Currency:
    """The deployment's one currency, by its ISO 4217 code."""

    code: str

    @property
    def metric_suffix(self) -> str:
        """Return the end of the names of money metrics."""
        return metric_suffix(self.code)

    @property
    def digits(self) -> int:
        """Return the fractional digits of an amount."""
        return minor_digits(self.code)

    @property
    def price_digits(self) -> int:
        """Return the fractional digits of an average price: two more than an amount has."""
        return self.digits + 2

    @property
    def exact_unit(self) -> str:
        """Return the unit that writes an amount out: €1,254,998.50."""
        return f"currency:financial:{prefix(self.code)}"

    @property
    def axis_unit(self) -> str:
        """Return the unit that shortens an amount: €1.25M."""
        return f"currency{self.code}" if self.code in _SHORT_UNITS else self.exact_unit
