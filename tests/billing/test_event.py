"""Events: both forms, every reason, and no input that is neither billed nor rejected."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.event import (
    BillableEvent,
    EventRejectedError,
    EventRules,
    Reason,
    Void,
    decode_event,
    decode_record,
    mistake_behind,
)
from billing.money import MAX_AMOUNT_MICROS, format_micros
from billing.period import format_timestamp

NOW_MS = 1_488_142_855_000 + 86_400_000
RULES = EventRules()
CHARLIE = BillableEvent(1_488_142_855_000, "Charlie", 199_990_000)


def decode(payload: str | bytes | None) -> BillableEvent:
    return decode_event(payload.encode() if isinstance(payload, str) else payload, RULES, NOW_MS)


def reason_of(payload: str | bytes | None) -> Reason:
    with pytest.raises(EventRejectedError) as rejected:
        decode(payload)
    return rejected.value.reason


def as_json(**fields: object) -> str:
    """A good event as JSON with some fields replaced; None stands for null."""
    return json.dumps({"timestamp": 1488142855, "customer": "Charlie", "amount": "199.99", **fields})


def with_number(amount: object) -> str:
    """A good event as JSON with this text where the amount goes, not in quotes."""
    return f'{{"timestamp":1488142855,"customer":"Charlie","amount":{amount}}}'


def outcome(payload: bytes | str) -> BillableEvent | EventRejectedError:
    """What becomes of a record; any other error passes through."""
    try:
        return decode(payload)
    except EventRejectedError as error:
        return error


@pytest.mark.parametrize(
    "payload",
    [
        "1488142855,Charlie,199.99",
        "1488142855000,Charlie,199.99",
        "1488142855,Charlie,199.99,MISC",
        "1488142855,Charlie,199.99,misc",
        "1488142855,Charlie,199.99,",
        "1488142855,Charlie,199.99,,",
        "1488142855,Charlie,+199.990000",
        "1488142855,Charlie,0199.99",
        "1488142855,Charlie,199.99\n",
        "1488142855,Charlie,199.99\r\n",
        '1488142855,"Charlie",199.99',
        '"1488142855","Charlie","199.99","MISC"',
        '1488142855,"Charlie",199.99\r\n',
        as_json(),
        as_json(timestamp=1488142855000),
        as_json(timestamp="2017-02-26T21:00:55Z"),
        as_json(timestamp="2017-02-26t21:00:55z"),
        as_json(timestamp="2017-02-26 21:00:55.000Z"),
        as_json(timestamp="2017-02-26T23:00:55+02:00"),
        as_json(timestamp="2017-02-26T15:30:55.000000000-05:30"),
        as_json(timestamp="2017-02-26T21:00:55-00:00"),
        as_json(amount=199.99),
        as_json(type="Misc", id=""),
        as_json(type=None, id=None),
        as_json(colour="red", nested={"amount": [1, 2]}),
        f" \t\r\n{as_json()}\r\n ",
        '{"timestamp":1488142855,"customer":"Ch\\u0061rlie","amount":1.9999E2}',
        with_number("19999e-2"),
        "1488142855.0,Charlie,199.990000000",
        "2017-02-26T21:00:55Z,Charlie,199.99",
        as_json(timestamp=1488142855.0),
        as_json(timestamp="1488142855"),
        as_json(timestamp="2017-02-26T23:00:55+0200"),
    ],
)
def test_many_spellings_of_one_event(payload: str) -> None:
    """Whatever its form, the event is the same."""
    assert decode(payload) == CHARLIE


def test_all_fields_are_read() -> None:
    """Type and id come through, and milliseconds are kept."""
    event = BillableEvent(1_488_142_855_123, "Müller, Söhne & Co", -3_000_000, "CALL", "a7")
    assert decode('1488142855123,"Müller, Söhne & Co",-3,call,a7') == event
    assert decode(as_json(id=7, customer=7)) == BillableEvent(1_488_142_855_000, "7", 199_990_000, id="7")
    assert decode(as_json(timestamp=1488142855123, customer="Müller, Söhne & Co", amount=-3, type="CALL", id="a7")) == (
        event
    )
    assert decode(as_json(timestamp="2017-02-26T21:00:55.123000Z")).timestamp_ms == 1_488_142_855_123


@pytest.mark.parametrize(
    "payload",
    [
        None,
        b"",
        "\n",
        "hello",
        "1488142855,Charlie",
        "1488142855,Charlie,199.99,MISC,id,more",
        '1488142855,"Charlie,199.99',
        '1488142855,"Char"lie,199.99',
        '"',
        b"1488142855,Charl\xffie,199.99",
        "1488142855,Charlie,199.99".encode("utf-16"),
        b'{"timestamp":1488142855,"customer":"Charl\xc3"}',
        as_json()[:-1],
        as_json() + as_json(),
        "{}}",
        "{'timestamp': 1}",
        with_number("NaN"),
        with_number("-Infinity"),
        with_number("1e9999999999999999999999"),
        with_number("9" * 5_000),
        with_number("01"),
        '{"timestamp":1488142855,"customer":"Char\nlie","amount":1}',
        '{"a":' * 2_500 + "1" + "}" * 2_500,
        '{"a":[' + "[" * 99 + '"' + '[\\"' * 5_000,
        '{"amount":1,"timestamp":1488142855,"customer":"Charlie","amount":199.99}',
        '{"amount":1,"timestamp":1488142855,"customer":"Charlie","amoun\\u0074":199.99}',
        "\ufeff1488142855,Charlie,199.99",
        as_json(id=7.5),
        as_json(id="a\ud800"),
        as_json(id="x" * 201),
        "1488142855,Charlie,199.99,MISC," + "x" * 201,
    ],
)
def test_malformed(payload: str | bytes | None) -> None:
    """What is neither CSV nor a JSON object of this shape."""
    assert reason_of(payload) is Reason.MALFORMED


@pytest.mark.parametrize("opened", ['{"a":', "["])
def test_json_nests_a_hundred_deep(opened: str) -> None:
    """However deep the caller is, and whatever the interpreter allows: two readers may not come to different sums."""
    closed = {"{": "}", "[": "]"}[opened[0]]

    def nested(depth: int) -> str:
        return f'{{"x":{opened * (depth - 1)}1{closed * (depth - 1)},' + as_json()[1:]

    def called_from(depth: int, payload: str) -> BillableEvent | EventRejectedError:
        return called_from(depth - 1, payload) if depth else outcome(payload)

    for depth in (0, 700):
        assert called_from(depth, nested(100)) == CHARLIE
        deeper = called_from(depth, nested(101))
        assert isinstance(deeper, EventRejectedError)
        assert (deeper.reason, deeper.detail) == (Reason.MALFORMED, "JSON nested deeper than 100")


def test_brackets_in_a_string_do_not_nest() -> None:
    """Nor do many beside each other."""
    assert decode(as_json(note='[{\\"' * 500)) == CHARLIE
    assert decode(as_json(notes=[[], {}] * 500)) == CHARLIE


def test_an_array_is_no_event() -> None:
    """Each event is a record of its own."""
    assert reason_of(f"[{as_json()}]") is Reason.MALFORMED


@pytest.mark.parametrize(
    "timestamp",
    ["", " 1488142855", "1488142855 ", "-1", "+1", "1e9", "1488142855.0001", "0x1", "now", "2017-02-26T21:00:55",
     "1" * 19, "\u0661\u0664", "1\ufeff488142855", "0", "946684799"],
)  # fmt: skip
def test_bad_timestamp_in_csv(timestamp: str) -> None:
    """Neither an exact epoch number nor ISO 8601 with an offset, or before the year 2000."""
    assert reason_of(f"{timestamp},Charlie,199.99") is Reason.BAD_TIMESTAMP


@pytest.mark.parametrize(
    "timestamp",
    [None, True, -1, 10**18, 1488142855.0001, "1488142855 ", "", [], {}, "2017-02-26", "2017-02-26T21:00:55",
     "2017-02-30T21:00:55Z", "2017-02-26T25:00:55Z", "2017-02-26T21:00:60Z", "2017-02-26T21:00Z",
     "0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999Z", "2017-02-26T21:00:55+25:00",
     "2017-02-26T21:00:55.1239Z",
     "2017-02-26T21:00:55.Z", "2017-02-26T21:00:55.1234567890Z", "2017-02-26T21:00:55Z\n"],
)  # fmt: skip
def test_bad_timestamp_in_json(timestamp: object) -> None:
    """JSON takes a whole number from 0 on or RFC 3339 with an offset, of 1970 and later."""
    assert reason_of(as_json(timestamp=timestamp)) is Reason.BAD_TIMESTAMP


def test_a_missing_timestamp_is_a_bad_one() -> None:
    """The first fault in the order of the fields is named."""
    assert reason_of("{}") is Reason.BAD_TIMESTAMP


def test_the_future_begins_after_max_future() -> None:
    """The limit itself is allowed, a millisecond more is not; so in both forms."""
    limit_ms = NOW_MS + RULES.max_future_ms
    assert decode(f"{limit_ms},Charlie,1").timestamp_ms == limit_ms
    assert decode(as_json(timestamp=limit_ms)).timestamp_ms == limit_ms
    assert reason_of(f"{limit_ms + 1},Charlie,1") is Reason.FUTURE_TIMESTAMP
    assert reason_of(as_json(timestamp=limit_ms + 1)) is Reason.FUTURE_TIMESTAMP
    for far in ("99999999999", "14881428550000"):
        assert reason_of(f"{far},Charlie,1") is Reason.FUTURE_TIMESTAMP
    assert reason_of(as_json(timestamp="9999-12-31T23:59:59-23:59")) is Reason.FUTURE_TIMESTAMP


@pytest.mark.parametrize(
    "customer",
    ["", " ", " Charlie", "Charlie ", "\u00a0Charlie", "Charlie\t", "Char\x00lie", "Char\x7flie", "Char\x85lie",
     "Char\u2028lie", "C" * 201],
)  # fmt: skip
def test_bad_customer(customer: str) -> None:
    """Empty, too long, spaces around it or control characters in it; so in both forms."""
    assert reason_of(f"1488142855,{customer},1") is Reason.BAD_CUSTOMER
    assert reason_of(as_json(customer=customer)) is Reason.BAD_CUSTOMER


@pytest.mark.parametrize("customer", [None, 7.5, True, ["Charlie"], "\ud800", "Char\nlie"])
def test_bad_customer_in_json(customer: object) -> None:
    """Only a string without half a surrogate pair or a line end names a customer."""
    assert reason_of(as_json(customer=customer)) is Reason.BAD_CUSTOMER


def test_a_line_end_in_quotes_is_a_control_character() -> None:
    """A quoted CSV field may hold one, a customer may not."""
    assert reason_of('1488142855,"Char\nlie",1') is Reason.BAD_CUSTOMER


@pytest.mark.parametrize(
    "customer",
    ["C" * 200, "a|b", 'say "hi"', "1,000 Ltd", "{Charlie}", "客户", "🦊" * 200, "O'Neil", "a  b", "=1+1", "NULL"],
)
def test_unusual_customers(customer: str) -> None:
    """Any other name is a name, separators and emoji included, in both forms."""
    line = io.StringIO()
    csv.writer(line).writerow([1488142855, customer, "1"])
    assert decode(line.getvalue()).customer == customer
    assert decode(as_json(customer=customer)).customer == customer


@pytest.mark.parametrize(
    "amount",
    ["", "free", "1e3", "0x1", "1_000", " 1", "1 ", ".5", "1.", "--1", "NaN", "Infinity", "1000000000000", "9" * 4_999],
)
def test_bad_amount(amount: str) -> None:
    """What is no plain decimal number below 10^12; so in CSV and in a JSON string."""
    assert reason_of(f"1488142855,Charlie,{amount}") is Reason.BAD_AMOUNT
    assert reason_of(as_json(amount=amount)) is Reason.BAD_AMOUNT


@pytest.mark.parametrize("amount", ["null", "true", "false", "[]", "{}", "1e12", "1E400", "-1000000000000", "1" * 30])
def test_bad_amount_in_json(amount: str) -> None:
    """A JSON number keeps to the same limits, and nothing else is one."""
    assert reason_of(with_number(amount)) is Reason.BAD_AMOUNT


@pytest.mark.parametrize("amount", ["0.1234567", "1.0000001", "-0.0000001"])
def test_too_precise(amount: str) -> None:
    """Seven fractional digits that count are refused, as text or number: nothing is rounded."""
    assert reason_of(f"1488142855,Charlie,{amount}") is Reason.TOO_PRECISE
    assert reason_of(as_json(amount=amount)) is Reason.TOO_PRECISE
    assert reason_of(with_number(amount)) is Reason.TOO_PRECISE
    assert reason_of(with_number("1e-7")) is Reason.TOO_PRECISE


@pytest.mark.parametrize("type_", ["SMS", "MESSAGES", " MISC", "MISC ", "MIS", "5"])
def test_unknown_type(type_: str) -> None:
    """A type is one of the list, whatever its case, spaces not ignored."""
    assert reason_of(f"1488142855,Charlie,1,{type_}") is Reason.UNKNOWN_TYPE
    assert reason_of(as_json(type=type_)) is Reason.UNKNOWN_TYPE


def test_a_type_that_is_no_string_is_unknown() -> None:
    """JSON may hold anything; only a string names a type."""
    assert reason_of(as_json(type=5)) is Reason.UNKNOWN_TYPE


def test_a_decimal_comma_makes_an_unknown_type() -> None:
    """`1,50` is the amount 1 and the type 50: refused rather than billed as 1."""
    assert reason_of("1488142855,Charlie,1,50") is Reason.UNKNOWN_TYPE


def test_types_follow_the_rules() -> None:
    """Another deployment has other types and another default."""
    rules = EventRules(types=("SMS", "FAX"), default_type="FAX")
    assert decode_event(b"1488142855,Charlie,1", rules, NOW_MS).type == "FAX"
    assert decode_event(b"1488142855,Charlie,1,sms", rules, NOW_MS).type == "SMS"
    with pytest.raises(EventRejectedError, match="unknown_type"):
        decode_event(b"1488142855,Charlie,1,MISC", rules, NOW_MS)


def test_too_large() -> None:
    """The limit itself is allowed, a byte more is not, whatever the bytes are."""
    line = as_json().encode()
    assert decode(line.ljust(RULES.max_event_bytes)) == CHARLIE
    assert reason_of(line.ljust(RULES.max_event_bytes + 1)) is Reason.TOO_LARGE
    assert reason_of(b"\xff" * (RULES.max_event_bytes + 1)) is Reason.TOO_LARGE


events = st.builds(
    BillableEvent,
    timestamp_ms=st.integers(RULES.min_event_ms, NOW_MS),
    customer=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=200),
    amount_micros=st.integers(-MAX_AMOUNT_MICROS, MAX_AMOUNT_MICROS),
    type=st.sampled_from(RULES.types),
    id=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=200),
)


@given(events)
def test_what_was_written_as_csv_is_read(event: BillableEvent) -> None:
    """Any event survives RFC 4180."""
    line = io.StringIO()
    fields = [event.timestamp_ms, event.customer, format_micros(event.amount_micros), event.type, event.id]
    csv.writer(line, quoting=csv.QUOTE_ALL if event.amount_micros % 2 else csv.QUOTE_MINIMAL).writerow(fields)
    assert decode(line.getvalue()) == event


@given(events, st.booleans(), st.booleans(), st.booleans())
def test_what_was_written_as_json_is_read(event: BillableEvent, text: bool, rfc3339: bool, ascii_only: bool) -> None:
    """Any event survives JSON, whichever way its amount, timestamp and characters are written; to the micro."""
    amount = format_micros(event.amount_micros)
    fields = {
        "timestamp": format_timestamp(event.timestamp_ms) if rfc3339 else event.timestamp_ms,
        "customer": event.customer,
        "amount": amount if text else "AMOUNT",
        "type": event.type.lower(),
        "id": event.id,
    }
    payload = json.dumps(fields, ensure_ascii=ascii_only)
    assert decode(payload if text else payload.replace('"AMOUNT"', amount, 1)) == event


@given(st.decimals(allow_nan=False, allow_infinity=False))
@example(Decimal("1E+18"))
@example(Decimal("0E+99"))
@example(Decimal("-0.0"))
def test_a_json_number_is_exact_or_refused(amount: Decimal) -> None:
    """No number in JSON is billed as anything but itself."""
    result = outcome(with_number(amount))
    if isinstance(result, EventRejectedError):
        assert result.reason in (Reason.BAD_AMOUNT, Reason.TOO_PRECISE, Reason.MALFORMED)
    else:
        assert Decimal(result.amount_micros).scaleb(-6) == amount


PIECES = st.sampled_from(
    ["1488142855", "Charlie", "199.99", "MISC", ",", ",", ",", '"', '""', "\n", "\r", "\t", " ", "{", "}", "[", "]",
     ":", "-", ".", "e9", "0", "null", "true", "NaN", '"timestamp":', '"customer":', '"amount":', '"type":',
     '"id":', "\\",
     "\\ud800", "\ufeff", "\x00", "🦊", '{"timestamp":1488142855,"customer":"Charlie","amount":']
)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode())))
@example(b'{"amount":' + b"1" * 4_301 + b"}")
@example(b"1,a," + b"0" * 5_000)
@example(b"{" * 16_000)
def test_any_bytes_are_an_event_or_rejected(payload: bytes) -> None:
    """Nothing else can come of a record, and what is billed keeps to every rule."""
    result = outcome(payload)
    if isinstance(result, EventRejectedError):
        assert 0 < len(result.detail.encode()) < 2_000
    else:
        assert RULES.min_event_ms <= result.timestamp_ms <= NOW_MS + RULES.max_future_ms
        assert 1 <= len(result.customer.encode()) <= 800
        assert abs(result.amount_micros) <= MAX_AMOUNT_MICROS
        assert result.type in RULES.types


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ('{"void":"A1","customer":"Charlie"}', Void("Charlie", "A1")),
        ('{"customer":"Charlie","id":"V1","void":"A1","note":"wrong"}', Void("Charlie", "A1", "V1")),
        ('{"void":17,"customer":7,"id":18,"amount":null,"type":""}', Void("7", "17", "18")),
        (as_json(replace="A1"), BillableEvent(1_488_142_855_000, "Charlie", 199_990_000, replaces="A1")),
        (as_json(replace="A1", id="A2"), BillableEvent(1_488_142_855_000, "Charlie", 199_990_000, "MISC", "A2", "A1")),
        (as_json(replace="", void=None), CHARLIE),
    ],
)
def test_what_takes_back(payload: str, event: BillableEvent | Void) -> None:
    """A void names a customer's id, a replacement stands beside all that an event has."""
    assert decode_record(payload.encode(), RULES, NOW_MS) == event


@pytest.mark.parametrize(
    ("payload", "reason", "detail"),
    [
        ('{"void":"A1"}', Reason.BAD_CUSTOMER, "customer is empty"),
        ('{"void":"A1","customer":" C"}', Reason.BAD_CUSTOMER, "space"),
        ('{"void":["A1"],"customer":"C"}', Reason.MALFORMED, "void is not a string"),
        ('{"void":false,"customer":"C"}', Reason.MALFORMED, "void is not a string"),
        (f'{{"void":"{"A" * 201}","customer":"C"}}', Reason.MALFORMED, "void has 201 characters"),
        ('{"void":"A\\n","customer":"C"}', Reason.MALFORMED, "control character"),
        ('{"void":"A1","void":"A2","customer":"C"}', Reason.MALFORMED, "more than once"),
        ('{"void":"A1","customer":"C","amount":"5"}', Reason.MALFORMED, "amount beside void"),
        ('{"void":"A1","customer":"C","timestamp":1488142855}', Reason.MALFORMED, "timestamp beside void"),
        ('{"void":"A1","customer":"C","type":"DATA"}', Reason.MALFORMED, "type beside void"),
        ('{"void":"A1","customer":"C","replace":"A0"}', Reason.MALFORMED, "replace beside void"),
        ('{"replace":"A1","customer":"C"}', Reason.BAD_TIMESTAMP, "timestamp"),
        (as_json(replace={}), Reason.MALFORMED, "replace is not a string"),
    ],
)
def test_what_takes_nothing_back(payload: str, reason: Reason, detail: str) -> None:
    """What could mean two things, or names nothing, is rejected."""
    with pytest.raises(EventRejectedError, match=detail) as rejected:
        decode_record(payload.encode(), RULES, NOW_MS)
    assert rejected.value.reason == reason


def test_a_void_is_no_event() -> None:
    """Whoever bills events alone rejects it."""
    with pytest.raises(EventRejectedError, match="a void"):
        decode_event(b'{"void":"A1","customer":"Charlie"}', RULES, NOW_MS)


TAILS = st.lists(
    st.sampled_from(
        [b"1", b".", b"5", b"-", b",", b"DATA", b"FAX", b'"', b"\n", b"\r", b" ", b"\xff", "\u017f".encode()]
    )
).map(b"".join)


@given(st.sampled_from([(2, b"1488142855,Charlie,"), (3, b"1488142855,Charlie,1,")]), TAILS)
@example((2, b"1488142855,Charlie,"), b"1.2.3,DATA\r\n")
@example((3, b"1488142855,Charlie,1,"), b'FAX,"a,b"')
def test_a_mistake_is_the_same_whether_all_of_a_line_is_read_or_its_end(head: tuple[int, bytes], tail: bytes) -> None:
    """Whatever follows fields that are right: the end tells the same, or that all of the line must be read."""
    fields, line = head
    try:
        decode_record(line + tail, RULES, NOW_MS)
        whole = None
    except EventRejectedError as error:
        whole = error.reason, error.detail
    assert mistake_behind(fields, tail, RULES) in (None, whole)


@pytest.mark.parametrize(
    ("fields", "tail", "reason"),
    [
        (2, b"much", Reason.BAD_AMOUNT),
        (2, b"1,5,DATA", Reason.UNKNOWN_TYPE),
        (2, b"0.0000001,DATA\n", Reason.TOO_PRECISE),
        (2, b"1,FAX,id", Reason.UNKNOWN_TYPE),
        (3, b"FAX", Reason.UNKNOWN_TYPE),
        (2, b"1,DATA", None),
        (2, b"1,2,3,4", None),
        (3, b"FAX\nFAX", None),
        (3, b'FAX,"id"', None),
        (3, b"FAX,\xff", None),
    ],
)
def test_what_the_end_of_a_line_tells(fields: int, tail: bytes, reason: Reason | None) -> None:
    """Mistakes of the fields there; nothing where all of the line decides."""
    mistake = mistake_behind(fields, tail, RULES)
    assert (mistake and mistake[0]) == reason
