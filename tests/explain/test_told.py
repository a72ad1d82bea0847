"""What is asked, what the topics tell of it, and how it is printed."""

import csv
import io
import json

import pytest

from billing.errors import OperatorError
from billing.event import DEFAULT_TYPES
from billing.invoice import make_invoice
from billing.ledger import encode_invoice
from billing.listed_record import Fate, Listed
from billing.runtime.signals import Stop
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, encode_key, encode_progress, encode_sums
from qb.explain.conclusion import Conclusion, Kind, conclude
from qb.explain.output import COLUMNS, CsvOutput, JsonOutput, Output, TextOutput
from qb.explain.question import InvoiceQuestion, MonthQuestion, Question, parse_question
from qb.explain.reading_display import ReadingDisplay, StoppedError
from qb.explain.scope import Asked, Scope, Sums, figures
from qb.explain.told import CountedSums, find_invoice, invoice_before
from qb.reading.stall import STALL_SECONDS
from tests.for_each import for_each

Words = tuple[str, str | None, str | None]
QUESTIONS: list[tuple[Words, Question]] = [
    (("Zoe", "2017-02", None), MonthQuestion("Zoe", "2017-02", "")),
    (("Zoe", "2017-02", "call"), MonthQuestion("Zoe", "2017-02", "CALL")),
    (("2017-02-000001", "2017-02", None), MonthQuestion("2017-02-000001", "2017-02", "")),
    (("2017-02-000001", None, None), InvoiceQuestion("2017-02-000001", "2017-02")),
    (("2017-02-1234567", None, None), InvoiceQuestion("2017-02-1234567", "2017-02")),
]
NO_QUESTIONS: list[tuple[Words, str]] = [
    (("Zoe", None, None), "'Zoe' is no invoice number"),
    (("2017-13-000001", None, None), "is no invoice number"),
    (("Zoe", "February", None), "'February' is not a month"),
    (("Zoe", "2017-02", "fax"), "type 'FAX' is none of the setting types"),
    ((" Zoe", "2017-02", None), "begins or ends with a space"),
    (("", "2017-02", None), "customer is empty"),
]


@for_each(QUESTIONS)
def test_words_make_a_question(case: tuple[Words, Question]) -> None:
    """A customer and a month, perhaps a type; or an invoice number alone."""
    words, question = case
    assert parse_question(*words, DEFAULT_TYPES) == question


@for_each(NO_QUESTIONS)
def test_other_words_are_told(case: tuple[Words, str]) -> None:
    """The error says which word is wrong."""
    words, told = case
    with pytest.raises(OperatorError, match=told):
        parse_question(*words, DEFAULT_TYPES)


def subtotal(partition: int, customer: str, micros: int, count: int) -> tuple[bytes, bytes]:
    key = encode_key(CustomerMonthKey(partition, "2017-02", customer))
    return key, encode_sums({"CALL": (micros, count), "MISC": (1, 1)})


def progress(partition: int, next_offset: int, zone: str = "UTC") -> tuple[bytes, bytes]:
    return encode_key(ProgressKey(partition)), encode_progress(Progress(next_offset=next_offset, time_zone=zone))


def test_sums_are_those_of_whole_commits() -> None:
    """Partials are added up; what a commit has told in part does not count before its progress record comes."""
    sums = CountedSums("a|b")
    for record in (
        subtotal(0, "a|b", 10, 1), subtotal(0, "b", 999, 9), progress(0, 5), subtotal(1, "a|b", 7, 2),
        progress(1, 3), subtotal(0, "a|b", 30, 3), subtotal(1, "a|b", 8, 3), progress(1, 4),
    ):  # fmt: skip
        sums.read(*record)
    assert sums.of("2017-02", "") == {("2017-02", "CALL"): (18, 4), ("2017-02", "MISC"): (2, 2)}
    assert sums.of("2017-02", "MISC") == {("2017-02", "MISC"): (2, 2)}
    assert sums.of("2017-03", "") == {}
    assert sums.next_offsets == {0: 5, 1: 4}
    sums.read(*progress(0, 6))
    assert sums.of("2017-02", "CALL") == {("2017-02", "CALL"): (38, 6)}
    asked = sums.ask("2017-02", "CALL")
    assert not asked.may_be_taken_back
    assert (asked.title, asked.scope.ends, asked.scope.type) == ("a|b 2017-02 CALL", {0: 6, 1: 4}, "CALL")


def test_months_of_another_zone_are_refused() -> None:
    """Their edges lie elsewhere: the events would not add up."""
    sums = CountedSums("Zoe")
    sums.read(*progress(0, 5, "Europe/Berlin"))
    sums.check_zone("Europe/Berlin")
    with pytest.raises(OperatorError, match="counted by the months of Europe/Berlin, but time_zone is UTC"):
        sums.check_zone("UTC")


def invoice(ordinal: int, customer: str, month: str) -> bytes:
    made, _ = make_invoice(
        ordinal, customer, month, {month: {"MISC": (1, 1)}}, {}, currency="EUR", issued_at_ms=0, offsets={0: 1}
    )
    return encode_invoice(made)


def test_an_invoice_is_found_by_its_number() -> None:
    """Among those that hold the number somewhere, such as in a customer's name; the one before it is the newest."""
    values = [invoice(2, "about 2017-02-000001", "2017-02"), invoice(1, "Zoe", "2017-02"), invoice(3, "Zoe", "2016-11")]
    found = find_invoice("2017-02-000001", values)
    assert found is not None
    assert found.customer == "Zoe"
    assert find_invoice("2017-02-000009", values) is None
    before = invoice_before(found, [*values, invoice(1, "Zoe", "2016-12"), invoice(1, "Zoe", "2017-03")])
    assert before is not None
    assert before.month == "2016-12"
    assert invoice_before(found, values[:2]) is None
    with pytest.raises(OperatorError, match=r"2 invoices have the number 2017-02-000001, of Zoe, Yan"):
        find_invoice("2017-02-000001", [*values, invoice(1, "Yan", "2017-02")])


SCOPE = Scope("Zoe", "2017-02", "2017-02", "", {0: 9, 1: 3})
RECORDS = [
    Listed(0, 1, "2017-02", 1_488_142_855_000, 1_500_000, "CALL", 'a "b",c'),
    Listed(1, 2, "", None, None, "", fate=Fate.REJECTED, reason="bad_amount", detail="amount 'much' is none"),
]


def printed(output: Output, capsys: pytest.CaptureFixture[str], micros: int = 1_500_000) -> tuple[str, str, Conclusion]:
    asked, sums = Asked("Zoe 2017-02", SCOPE, {("2017-02", "CALL"): (micros, 1)}), Sums()
    output.begin(asked)
    for one in RECORDS:
        sums.add(one)
        output.add(one)
    compared = list(figures(asked.told, sums.found))
    conclusion = conclude(asked, compared, {})
    output.end(asked, compared, sums.fates, conclusion)
    shown = capsys.readouterr()
    return shown.out, shown.err, conclusion


def test_people_read_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each record, the sums beside what is told, and the conclusion; a difference stands out."""
    out, err, conclusion = printed(TextOutput(), capsys)
    assert out == (
        "Zoe 2017-02, counted up to 0@9, 1@3\n"
        "partition       offset  time                                     amount  type             id\n"
        '        0            1  2017-02-26T21:00:55Z                   1.500000  CALL             a "b",c\n'
        "        1            2                                                                    "
        "rejected as bad_amount: amount 'much' is none\n"
        "\n"
        "2017-02 CALL: 1.500000 (1) is what is told, 1.500000 (1)\n"
        "rejected, and in no sum: 1\n"
        "Zoe 2017-02 is these events: 1 of them, 1.500000 in all\n"
    )
    assert (err, conclusion.kind) == ("", Kind.IS_IT)
    out, _, conclusion = printed(TextOutput(), capsys, 1_500_001)
    assert conclusion.kind is Kind.IS_NOT_IT
    assert "2017-02 CALL: 1.500000 (1) IS NOT what is told, 1.500001 (1)\n" in out
    assert "Zoe 2017-02 is not these events: 2017-02 CALL: told 1.500001 (1), found 1.500000 (1)\n" in out


def test_csv_has_records_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What they come to is on standard error."""
    out, err, conclusion = printed(CsvOutput(), capsys)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [tuple(row) for row in rows] == [COLUMNS, COLUMNS]
    assert (rows[0]["amount"], rows[0]["id"], rows[0]["fate"]) == ("1.500000", 'a "b",c', "counted")
    assert (rows[1]["amount"], rows[1]["fate"], rows[1]["reason"]) == ("", "rejected", "bad_amount")
    assert err == f"{conclusion.sentence}\n"


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the records, the figures and the conclusion."""
    out, _, conclusion = printed(JsonOutput(), capsys)
    document = json.loads(out)
    assert document["counted_up_to"] == {"0": 9, "1": 3}
    assert [one["offset"] for one in document["events"]] == [1, 2]
    assert document["events"][0] == {
        "partition": 0, "offset": 1, "time": "2017-02-26T21:00:55Z", "month": "2017-02", "amount": "1.500000",
        "type": "CALL", "id": 'a "b",c', "fate": "counted", "reason": None, "detail": None,
    }  # fmt: skip
    assert document["figures"][0]["found"] == {"total": "1.500000", "count": 1}
    assert (document["conclusion"], document["rejected"]) == (conclusion.kind.value, 1)


def test_reading_stops_when_asked_and_when_nothing_comes() -> None:
    """One sentence says how far it had come; a topic that never ends is an error."""
    now = [0.0]
    stop = Stop()
    with ReadingDisplay(stop, lambda: now[0]) as display:
        display.begin({0: 2}, {0: 12, 1: 10})
        display.note("in", {0: 7, 1: 1})
        now[0] = STALL_SECONDS
        display.note("in", {0: 7, 1: 1})
        now[0] += 1
        with pytest.raises(OperatorError, match="topic in can't be read to its end"):
            display.note("in", {0: 7, 1: 1})
        stop.requested = True
        with pytest.raises(StoppedError, match="stopped after 6 of 20 records: nothing is concluded"):
            display.note("in", {0: 7, 1: 1})
    with ReadingDisplay(stop) as display, pytest.raises(StoppedError, match="while reading told: no event was listed"):
        display.note("told", {})
