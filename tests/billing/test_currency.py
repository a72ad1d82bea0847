"""Digits, symbols and names of currencies, and that nobody keeps a table of his own."""

import re
from pathlib import Path

import pytest
from babel.numbers import get_currency_precision, list_currencies
from pydantic import ValidationError

from billing.currency import ISO_DIGITS, WITHOUT_MINOR_UNIT, is_known, metric_suffix, minor_digits, name, prefix, symbol
from billing.settings import Settings
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


# Table A.1 of ISO 4217: every currency that is in use, by the digits of its minor unit.
ISO_4217 = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
        CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
        IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
        MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
        SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW
        ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
MINOR_UNITS = [(code, digits) for digits, codes in ISO_4217.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "digits"), MINOR_UNITS)
def test_digits_are_those_of_iso_4217(code: str, digits: int) -> None:
    """Also where CLDR says how prices are written instead; a deployment may be set to any of them."""
    assert is_known(code)
    assert minor_digits(code) == digits
    assert Settings(currency=code).currency == code


@pytest.mark.parametrize("code", sorted(WITHOUT_MINOR_UNIT))
def test_what_has_no_minor_unit_is_refused(code: str) -> None:
    """An invoice line could not be rounded to it."""
    with pytest.raises(ValidationError, match="minor unit"):
        Settings(currency=code)


def test_no_exception_is_in_vain() -> None:
    """Where CLDR says the same, the table would only hide a change."""
    assert all(get_currency_precision(code) != digits for code, digits in ISO_DIGITS.items())


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
