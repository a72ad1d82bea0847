"""Digits, symbols and names of currencies, and that nobody keeps a table of his own."""

import re
from pathlib import Path

import pytest
from babel.numbers import list_currencies

from billing.currency import metric_suffix, minor_digits, name, prefix, symbol
from exporter.datasource.units import money_unit
from grafana.builder.money import Currency

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("billing", "exporter", "generator", "grafana/builder", "invoicer", "processor", "qb")
CODES = sorted(list_currencies(locale="en"))


@pytest.mark.parametrize(
    ("code", "digits", "shown", "called"),
    [
        ("EUR", 2, "€", "Euro"),
        ("JPY", 0, "¥", "Japanese Yen"),
        ("KRW", 0, "₩", "South Korean Won"),
        ("KWD", 3, "KWD ", "Kuwaiti Dinar"),
        ("CLF", 4, "CLF ", "Chilean Unit of Account (UF)"),
        ("CAD", 2, "CA$", "Canadian Dollar"),
        ("QQQ", 2, "QQQ ", "QQQ"),
    ],
)
def test_what_is_known_of_a_currency(code: str, digits: int, shown: str, called: str) -> None:
    """As ISO 4217 and English have it; a code that nobody knows stands for itself."""
    assert (minor_digits(code), prefix(code), name(code)) == (digits, shown, called)


def test_metrics_are_named_in_words_or_codes() -> None:
    """Euros are the usual case and have their word."""
    assert (metric_suffix("EUR"), metric_suffix("CHF")) == ("euros", "chf")


def test_the_data_source_and_the_dashboards_show_every_currency_alike() -> None:
    """One table: a panel looks the same whether Prometheus or the JSON data source fills it."""
    for code in CODES:
        assert money_unit(code) == Currency(code).exact_unit == f"currency:financial:{prefix(code)}"


def test_no_symbol_stands_in_the_code() -> None:
    """Docstrings may show one; a table may not."""
    symbols = "|".join(re.escape(symbol(code)) for code in CODES if symbol(code) != code)
    quoted = re.compile(rf"""["']({symbols})\s?["']""")
    found = {str(path.relative_to(ROOT)) for folder in FOLDERS for suffix in ("py", "html", "js")
             for path in (ROOT / folder).rglob(f"*.{suffix}")
             if "vendor" not in path.parts and quoted.search(path.read_text("utf-8"))}  # fmt: skip
    assert not {path for path in found if not path.startswith("exporter/page/vendor")}
