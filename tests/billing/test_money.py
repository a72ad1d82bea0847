"""Money: parsed exactly, summed exactly, rounded once."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import (
    MAX_AMOUNT_MICROS,
    AmountError,
    TooPreciseError,
    average_micros,
    format_micros,
    format_minor,
    format_rounded,
    micros_per_minor,
    parse_amount,
    round_to_minor,
)

amounts = st.integers(-MAX_AMOUNT_MICROS, MAX_AMOUNT_MICROS)


@given(amounts)
def test_an_amount_survives_being_written_and_read(micros: int) -> None:
    """Parsing what was formatted gives the same micros."""
    assert parse_amount(format_micros(micros)) == micros


@given(st.decimals(min_value=-(10**12) + 1, max_value=10**12 - 1, places=6))
def test_parsing_agrees_with_decimal_arithmetic(amount: Decimal) -> None:
    """The micros are the decimal number times a million, exactly."""
    text = format(amount, "f")
    assert parse_amount(text) == int(Decimal(text).scaleb(6))


@given(st.lists(amounts), st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_change_a_total(values: list[int], random: object) -> None:
    """Partial sums of any partition in any order add up to the same micros."""
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    half = len(shuffled) // 2
    assert sum(shuffled[:half]) + sum(shuffled[half:]) == sum(values)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("-0", 0),
        ("199.99", 199_990_000),
        ("+199.99", 199_990_000),
        ("-3", -3_000_000),
        ("0.000001", 1),
        ("-0.000001", -1),
        ("1.500000", 1_500_000),
        ("007.10", 7_100_000),
        ("999999999999.999999", MAX_AMOUNT_MICROS),
        ("-999999999999.999999", -MAX_AMOUNT_MICROS),
        ("0" * 10_000 + "1.5", 1_500_000),
        ("1.5" + "0" * 10_000, 1_500_000),
    ],
)
def test_a_decimal_text_is_read_exactly(text: str, micros: int) -> None:
    """Sign, leading zeros and up to six fractional digits are understood, however long the text is."""
    assert parse_amount(text) == micros


@pytest.mark.parametrize("text", ["1.0000001", "0.1234567", "-5." + "0" * 5_000 + "1"])
def test_more_than_six_fractional_digits_are_refused(text: str) -> None:
    """Nothing is rounded on the way in, however many zeros come first."""
    with pytest.raises(TooPreciseError):
        parse_amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+",
        ".",
        "1.",
        ".5",
        "--1",
        "1e3",
        "0x10",
        "1_000",
        "1,5",
        " 1",
        "1 ",
        "1\n",
        "NaN",
        "Infinity",
        "€1",
        "\u0661",  # a digit, but not one of ours
        "1000000000000",
        "-1000000000000",
        "9" * 10_000,
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Anything but a plain decimal number below 10^12 raises, and nothing else than AmountError."""
    with pytest.raises(AmountError):
        parse_amount(text)


@given(st.text())
def test_any_text_is_an_amount_or_an_amount_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        micros = parse_amount(text)
    except AmountError:
        return
    assert abs(micros) <= MAX_AMOUNT_MICROS


DIGITS = {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}


@given(st.integers(-(10**20), 10**20), st.sampled_from(sorted(DIGITS)))
def test_rounding_is_half_up_and_symmetric(micros: int, currency: str) -> None:
    """Half a minor unit goes away from zero, so that a credit mirrors its charge."""
    minor, unit = round_to_minor(micros, currency), 10 ** (6 - DIGITS[currency])
    assert minor == int((Decimal(micros) / unit).quantize(Decimal(1), ROUND_HALF_UP))
    assert round_to_minor(-micros, currency) == -minor
    assert abs(minor * unit - micros) <= unit // 2
    assert micros_per_minor(currency) == unit


@pytest.mark.parametrize(
    ("currency", "micros", "text"),
    [
        ("EUR", 0, "0.00"),
        ("EUR", 4_999, "0.00"),
        ("EUR", 5_000, "0.01"),
        ("EUR", -4_999, "0.00"),
        ("EUR", -5_000, "-0.01"),
        ("EUR", 199_994_999, "199.99"),
        ("EUR", 199_995_000, "200.00"),
        ("EUR", -199_995_000, "-200.00"),
        ("JPY", 499_999, "0"),
        ("JPY", 500_000, "1"),
        ("JPY", -499_999, "0"),
        ("JPY", -1_500_000, "-2"),
        ("KWD", 1_499, "0.001"),
        ("KWD", 1_500, "0.002"),
        ("KWD", -12_345_500, "-12.346"),
        ("CLF", 49, "0.0000"),
        ("CLF", 50, "0.0001"),
        ("CLF", 1_000_000, "1.0000"),
    ],
)
def test_rounded_text(currency: str, micros: int, text: str) -> None:
    """Minor units are written with the currency's digits, and there is no minus zero."""
    assert format_rounded(micros, currency) == text


@given(st.integers(), st.sampled_from(sorted(DIGITS)))
def test_texts_of_sums_have_a_fixed_number_of_digits(value: int, currency: str) -> None:
    """However large a sum, six digits follow the point of micros, the currency's that of an amount; nothing is lost."""
    for text, digits in ((format_micros(value), 6), (format_minor(value, currency), DIGITS[currency])):
        units, _, fraction = text.partition(".")
        assert len(fraction) == digits
        assert int(units + fraction) == value
        assert text.startswith("-") == (value < 0)


@pytest.mark.parametrize(
    ("total", "count", "average"), [(0, 0, None), (5, 2, 3), (-5, 2, -2), (4, 3, 1), (5, 3, 2), (6, 3, 2)]
)
def test_average(total: int, count: int, average: int | None) -> None:
    """The half goes up; of nothing there is no average."""
    assert average_micros(total, count) == average
