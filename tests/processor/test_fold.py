"""The fold: the fast path and the exact path agree on every record, in bulk and one by one."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.event import EventRejectedError, EventRules, Reason, decode_event, mistake_behind
from billing.period import MonthCalendar
from billing.sums import NO_SUMS, TypeTable, plus, total_micros
from processor import reading
from processor.fold import FoldRules
from processor.kernel.rows import MS, SLOT
from tests.billing.test_events_page import ACCEPTED, REJECTED, payload_of
from tests.examples import examples
from tests.processor import fuzz, mutations
from tests.processor.counting import Counted, count, count_batches, read

NOW_MS = 1_490_000_000_000
DAY_MS = 86_400_000
RULES = FoldRules(EventRules(), MonthCalendar("Europe/Berlin"), out_of_orderness_ms=43_200_000)


def recount(payloads: Sequence[bytes | None], watermark_ms: int = -1) -> Counted:
    """Return what a fold must give, counted one record after the other."""
    result, table = Counted(watermark_ms, {}, {}, (), 0, [], 0), TypeTable(RULES.events.types)
    for payload in payloads:
        try:
            event = decode_event(payload, RULES.events, NOW_MS)
        except EventRejectedError:
            continue
        one = table.pack({event.type: (event.amount_micros, 1)})
        period = RULES.calendar.month_of(event.timestamp_ms), event.customer
        result.customers[period] = plus(result.customers.get(period, NO_SUMS), one)
        hour = RULES.calendar.local.hour_start_ms(event.timestamp_ms)
        result.hours[hour] = plus(result.hours.get(hour, NO_SUMS), one)
        result.accepted = plus(result.accepted, one)
        result.late += event.timestamp_ms < result.watermark_ms - RULES.out_of_orderness_ms
        result.watermark_ms = max(result.watermark_ms, event.timestamp_ms)
    return result


def assert_same(payloads: Sequence[bytes | None], watermark_ms: int = -1) -> Counted:
    folded = count(payloads, RULES, NOW_MS, watermark_ms)
    expected = recount(payloads, watermark_ms)
    assert folded.customers == expected.customers
    assert folded.hours == expected.hours
    assert folded.accepted == expected.accepted
    assert (folded.watermark_ms, folded.late) == (expected.watermark_ms, expected.late)
    verdicts = [(rejection.position, (rejection.reason, rejection.detail)) for rejection in folded.rejections]
    assert verdicts == [(index, verdict) for index, p in enumerate(payloads) if (verdict := verdict_on(p)) is not None]
    return folded


def verdict_on(payload: bytes | None) -> tuple[Reason, str] | None:
    """Return why the rules refuse a record, or None if they accept it."""
    try:
        decode_event(payload, RULES.events, NOW_MS)
    except EventRejectedError as error:
        return error.reason, error.detail
    return None


# Each is a record that a lenient parser reads differently from the rules, or a form that only the exact path reads.
ODD_RECORDS: list[bytes | None] = [
    None,
    b"",
    b"\n",
    b"\n\n",
    b" ",
    b"1488142855,Charlie,199.99\n",
    b"\n1488142855,Charlie,199.99",
    b"1488142855,Charlie,199.99\r\n",
    b"1488142855,Charlie,1\n1488142855,Charlie,2",
    b"1488142855,Charlie,1.1234567",
    b"1488142855,Charlie,1.0000000",
    b"1488142855,Charlie,1.123456",
    b"1488142855,Charlie,1e3",
    b"1488142855,Charlie,.5",
    b"1488142855,Charlie,5.",
    b"1488142855,Charlie, 5",
    b"1488142855,Charlie,5 ",
    b"1488142855,Charlie,+5",
    b"1488142855,Charlie,-5.25",
    b"1488142855,Charlie,1_000",
    b"1488142855,Charlie,NaN",
    b"1488142855,Charlie,",
    b"1488142855,Charlie,000000000000000000005.5",
    b"1488142855,Charlie,999999999999.999999",
    b"1488142855,Charlie,1000000000000",
    b"+1488142855,Charlie,1",
    b" 1488142855,Charlie,1",
    b"1488142855 ,Charlie,1",
    b"-5,Charlie,1",
    b"-0,Charlie,1",
    b"0,Charlie,1",
    b"0001488142855,Charlie,1",
    b"1488142855.0,Charlie,1",
    b"1488142855123,Charlie,1",
    b"99999999999,Charlie,1",
    b"100000000000,Charlie,1",
    b"9223372036854775807,Charlie,1",
    b"9223372036854775808,Charlie,1",
    b"1490086400,Charlie,1",
    b"1490086401,Charlie,1",
    b",Charlie,1",
    b"1488142855,,1",
    b"1488142855, Charlie,1",
    b"1488142855,Charlie ,1",
    b"1488142855,Char lie,1",
    b"1488142855,Char\tlie,1",
    b"1488142855,Char\x00lie,1",
    b"1488142855,Char\x01lie,1",
    b"1488142855,\x01,1",
    "1488142855,Zoë|Müller,1".encode(),
    "1488142855,\u00a0Charlie,1".encode(),
    "1488142855,a\u2028b,1".encode(),
    b"1488142855,\xff,1",
    b"1488142855," + b"x" * 200 + b",1",
    b"1488142855," + b"x" * 201 + b",1",
    "1488142855,{},1".format("é" * 200).encode(),
    "1488142855,{},1".format("é" * 201).encode(),
    b"1488142855,Charlie,1,MISC",
    b"1488142855,Charlie,1,misc",
    b"1488142855,Charlie,1,Data,id-1",
    b"1488142855,Charlie,1,",
    b"1488142855,Charlie,1,,",
    b"1488142855,Charlie,1,,id",
    b"1488142855,Charlie,1,,,",
    b"1488142855,Charlie,1,,,x",
    b"1488142855,Charlie,1,DATA,id,",
    b"1488142855,Charlie,1,DATA,id,,",
    b"1488142855,Charlie,1,DATA,id,more",
    b"1488142855,Charlie,1,DATA,id,\x01",
    b"1488142855,Charlie,1,DATA,id,\x01,",
    b"1488142855,Charlie,1,DATA,\x01",
    b"1488142855,Charlie,1,\x01",
    b"1488142855,Charlie,1,\x01,x,y",
    b"1488142855,Charlie,1,UNKNOWN",
    b"1488142855,Charlie,1, DATA",
    b"1488142855,Charlie,1,DATA," + b"i" * 200,
    b"1488142855,Charlie,1,DATA," + b"i" * 201,
    "1488142855,Charlie,1,DATA,{}".format("é" * 150).encode(),
    b"1488142855,Charlie",
    b"1488142855",
    b"abc",
    b",,",
    b",,,,",
    b"#1488142855,Charlie,1",
    b'1488142855,"Charlie, Inc",1',
    b'1488142855,"Charlie ""C"" Inc",1',
    b'1488142855,"Charlie,1',
    b'1488142855,Char"lie,1',
    b'"1488142855","Charlie","1","DATA"',
    b"1488142855;Charlie;1",
    b"1488142855,Charlie,1" + b"0" * 17_000,
    b"0" * 17_000 + b"1,Charlie,1",
    b'{"timestamp":1488142855,"customer":"Charlie","amount":"199.99"}',
    b'{"timestamp":"2017-02-26T22:00:55+01:00","customer":"Charlie","amount":199.99,"type":"call"}',
    b'  {"timestamp":1488142855123,"customer":"Charlie","amount":-1.5e1}',
    b'{"timestamp":1488142855,"customer":"Charlie","amount":1.1234567}',
    b'{"timestamp":1488142855,"customer":"Charlie","amount":true}',
    b'{"timestamp":1488142855,"customer":7,"amount":1}',
    b"{",
    b"{}",
    b"[]",
    b"\xef\xbb\xbf1488142855,Charlie,1",
]


@pytest.mark.parametrize("payload", ODD_RECORDS, ids=lambda payload: repr(payload)[:60])
def test_each_odd_record_means_the_same_on_both_paths(payload: bytes | None) -> None:
    """A record's meaning does not depend on the path that reads it, alone or among plain ones."""
    plain = [b"1488142855,Charlie,199.99", b"1488142856,Alice,0.01,DATA"]
    assert_same([payload])
    assert_same([*plain, payload, *plain])


@pytest.mark.parametrize("row", ACCEPTED + REJECTED, ids=lambda row: row[0])
def test_each_record_of_the_page_means_the_same_on_both_paths(row: list[str]) -> None:
    """docs/events.md holds for the bulk path too."""
    assert_same([b"1488142855,Charlie,199.99", payload_of(row[0]), b"1488142856,Alice,0.01,DATA"])


def seeds() -> list[bytes]:
    """The records that others are made from."""
    return [r for r in ODD_RECORDS if r and len(r) < 300] + [payload_of(row[0]) for row in ACCEPTED + REJECTED]


@pytest.mark.parametrize("count", [30_000, pytest.param(1_000_000, marks=pytest.mark.slow("mutations"))])
def test_mutated_records_mean_the_same_on_both_paths(count: int) -> None:
    """Seeded; `make fuzz` draws others."""
    random = Random(count)
    for _ in range(count // 10_000):
        assert_same(fuzz.batch(random, seeds(), 10_000))


def test_the_kernel_reads_a_good_part_of_them() -> None:
    """Both ways are compared on events that the kernel takes, too, and in both forms."""
    for form in (mutations.any_csv, mutations.any_json):
        random = Random(7)
        payloads = [form(random) for _ in range(10_000)]
        counted = count(payloads, RULES, NOW_MS)
        assert len(payloads) - counted.exact > 1_000


def test_all_odd_records_together() -> None:
    """Neither do neighbours change it."""
    assert_same(ODD_RECORDS + ODD_RECORDS[::-1])


FIELD = st.one_of(
    st.sampled_from(
        [
            "1488142855",
            "1490596000",
            "1490595999000",
            "0",
            "",
            "Charlie",
            "Alice",
            "199.99",
            "-3",
            "+1.5",
            "DATA",
            "misc",
        ]
    ),
    st.text(alphabet=',."+- {}\n\r\x01abcé0123456789', max_size=6),
)
RECORD = st.one_of(
    st.lists(FIELD, min_size=1, max_size=7).map(lambda fields: ",".join(fields).encode()),
    st.builds(
        lambda t, c, a, y: f"{t},{c},{a}{y}".encode(),
        st.integers(1_480_000_000, 1_490_090_000),
        st.sampled_from(["Charlie", "Alice", "Bob|x"]),
        st.decimals(-1000, 1000, places=6),
        st.sampled_from(["", ",DATA", ",call,id", ","]),
    ),
    st.binary(max_size=12),
    st.none(),
)


@settings(max_examples=examples(300))
@given(st.lists(RECORD, max_size=12), st.sampled_from([-1, 1_489_000_000_000]))
def test_any_batch_means_the_same_on_both_paths(payloads: list[bytes | None], watermark_ms: int) -> None:
    """Whatever arrives, a fold equals counting one by one with the rules."""
    assert_same(payloads, watermark_ms)


@settings(max_examples=examples(50))
@given(st.lists(RECORD, min_size=2, max_size=20), st.data())
def test_cutting_a_batch_changes_nothing(payloads: list[bytes | None], data: st.DataObject) -> None:
    """Late events, watermark and sums do not depend on where a batch ends."""
    cut = data.draw(st.integers(0, len(payloads)))
    whole = count(payloads, RULES, NOW_MS)
    parts = count_batches([payloads[:cut], payloads[cut:]], RULES, NOW_MS)
    assert parts == whole


def test_the_kernel_takes_plain_records() -> None:
    """Plain records, broken ones among them, are summed in bulk: only the broken ones are left."""
    payloads = [b"1488142855,Charlie,199.99", b"1488142855,Charlie,1,DATA", b"x", b"1488142855,Alice,-2,call,id"]
    assert count(payloads, RULES, NOW_MS).exact == 1


def test_a_line_is_judged_by_the_field_that_the_kernel_stopped_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of it is not read again; nor is the same mistake, in another line."""
    monkeypatch.setattr(reading, "decode_record", None)
    seen: list[tuple[int, bytes]] = []

    def noted(fields: int, rest: bytes, rules: EventRules) -> tuple[Reason, str] | None:
        seen.append((fields, rest))
        return mistake_behind(fields, rest, rules)

    monkeypatch.setattr(reading, "mistake_behind", noted)
    payloads = [b"1488142855,Charlie,much", b"1488142855,Zo\xc3\xab,1,FAX\n", b"\n1488142856,Alice,much"]
    folded = count(payloads, RULES, NOW_MS)
    assert [r.reason for r in folded.rejections] == [Reason.BAD_AMOUNT, Reason.UNKNOWN_TYPE, Reason.BAD_AMOUNT]
    assert seen == [(2, b"much"), (3, b"FAX\n")]


def test_sums_beyond_64_bits_are_exact() -> None:
    """Twenty of the largest amounts come to more than 64 bits hold."""
    folded = assert_same([b"1488142855,Charlie,999999999999.999999"] * 20)
    assert total_micros(folded.accepted) == 20 * (10**18 - 1)


def test_months_over_many_years_in_one_batch() -> None:
    """A batch that spans decades falls into the right months."""
    assert_same([f"{month * 2_629_746},Charlie,1".encode() for month in range(560)])


def test_an_event_time_may_lie_a_day_ahead_and_no_further() -> None:
    """The bound belongs to what is allowed."""
    allowed, refused = NOW_MS + DAY_MS, NOW_MS + DAY_MS + 1
    payloads = [f"{allowed},a,1".encode(), f"{refused},a,1".encode()]
    found = read(payloads, RULES, NOW_MS)
    assert found.rows[found.rows[:, SLOT] >= 0, MS].tolist() == [allowed]
    assert [(r.position, r.reason) for r in found.rejections] == [(1, Reason.FUTURE_TIMESTAMP)]
