"""Whom a rejected record seems to name, what the compiled searches find, and what headers tell."""

from hypothesis import given
from hypothesis import strategies as st

from billing.event import EventRules
from billing.named_customer import Guess, guess_event, may_name
from billing.period import month_calendar
from billing.runtime.native.block import Headers
from qb.explain.matching import CustomerFinder, KeyFinder, Months
from qb.explain.rejected_places import RejectedPlaces
from tests.explain.made_up import MadeUpBlock
from tests.for_each import for_each

CALENDAR = month_calendar("UTC")
ALWAYS = Months(CALENDAR, CALENDAR.starts_ms[0], CALENDAR.starts_ms[-1])
AT_MS = 1_488_142_855_000

GUESSES = [
    (None, Guess()),
    (b"", Guess()),
    (b"rubbish", Guess()),
    (b"1488142855,Zoe,much,call", Guess("Zoe", AT_MS, "CALL")),
    (b"1488142855, Zoe ,1", Guess("Zoe", AT_MS)),
    (b"soon,Zoe,1", Guess("Zoe")),
    (b'1488142855,"a ""b""",x', Guess('a "b"', AT_MS)),
    (b'1488142855,"never ends', Guess("never ends", AT_MS)),
    (b"\xef\xbb\xbf1488142855,Zoe,1", Guess("Zoe", AT_MS)),
    (b"1488142855,Zo\xff,1", Guess("Zo\ufffd", AT_MS)),
    (b'{"timestamp":1488142855,"customer":"Zoe","amount":[],"type":"Fax"}', Guess("Zoe", AT_MS, "FAX")),
    (b'{"customer": "Zo\\u00e9", "amount"', Guess("Zo\u00e9")),
    (b'{"customer": 42, "timestamp": "2017-02-26T21:00:55Z"}', Guess("42", AT_MS)),
    (b'[{"customer":"Zoe"}]', Guess("Zoe")),
    (b'{"customer":"bad \\x escape"}', Guess("bad \\x escape")),
    (b'{"customer":null}', Guess()),
]


@for_each(GUESSES)
def test_a_guess_is_what_a_person_would_read(case: tuple[bytes | None, Guess]) -> None:
    """Whatever is wrong with a record, the customer's name is taken from where it should stand."""
    value, guess = case
    assert guess_event(value) == guess
    if value and guess.customer.isascii():
        assert not guess.customer or may_name(value, guess.customer.encode())


@given(st.binary(max_size=200))
def test_any_value_can_be_guessed_at(value: bytes) -> None:
    """Nothing that a record may hold is an error."""
    for text in (value, b"{" + value, b'{"customer":' + value, b'"' + value):
        guess_event(text)


keys = st.one_of(st.none(), st.binary(max_size=12), st.sampled_from((b"customer|0|2017-02|Zoe", b"customer|0|x|aZoe")))


@given(st.lists(keys, max_size=30), st.sampled_from(("", "c", "customer|")), st.sampled_from(("", "|Zoe", "oe")))
def test_keys_are_found_by_beginning_and_ending(keys: list[bytes | None], beginning: str, ending: str) -> None:
    """As Python would find them; the two may not overlap."""
    block = MadeUpBlock([b""] * len(keys), [0] * len(keys), range(len(keys)), keys=keys)
    expected = [
        index
        for index, key in enumerate(keys)
        if key is not None
        and key.startswith(beginning.encode())
        and key[len(beginning) :].endswith(ending.encode())
        and len(key) >= len(beginning) + len(ending)
    ]
    assert KeyFinder(beginning, ending).positions(block) == expected


def headers(topic: str, partition: str, offset: str, reason: str = "future_timestamp") -> Headers:
    told = {"reason": reason, "detail": "", "source-topic": topic, "source-partition": partition}
    return [*((name, text.encode()) for name, text in told.items()), ("source-offset", offset.encode())]


def test_rejected_events_are_taken_down_by_their_headers() -> None:
    """Those of the customer that today's rules accept, from this input; a record that tells no place is left."""
    values = [
        b"1488142855,Zoe,1",
        b'{"timestamp":1488142855,"customer":"\\u005aoe","amount":1}',
        b'1488142855,"Zoe",1',
        b"1488142855,Zoe,1",
        b"1488142855,Zoe,1",
        b"1488142855,Zoe,much",
        b"1488142855,Zoe2,1",
        None,
    ]
    told = [headers("in", "1", str(10 - place)) for place in range(len(values))]
    told[3], told[4] = headers("other", "1", "7"), headers("in", "one", "6")
    block = MadeUpBlock(values, [0] * len(values), range(len(values)), dict(enumerate(told)))
    places = RejectedPlaces()
    CustomerFinder(EventRules(), "Zoe", ALWAYS).note_rejected(block, AT_MS, places, "in")
    assert [offset for offset in range(12) if places.reason_at(1, offset)] == [8, 9, 10]
    assert (places.reason_at(1, 9), places.reason_at(0, 9)) == ("future_timestamp", "")


@given(st.lists(st.binary(max_size=40), max_size=20), st.sampled_from((b"Zoe", b"Z", "Zoé".encode())), st.data())
def test_no_value_that_holds_the_name_is_missed(values: list[bytes], name: bytes, data: st.DataObject) -> None:
    """The search in compiled code finds it wherever it stands."""
    places = data.draw(st.lists(st.integers(0, 40), min_size=len(values), max_size=len(values)))
    values = [value[:at] + name + value[at:] if at % 2 else value for value, at in zip(values, places, strict=True)]
    finder = CustomerFinder(EventRules(), name.decode(), ALWAYS)
    block = MadeUpBlock(values, [0] * len(values), range(len(values)))
    assert finder.naming(block) == [index for index, value in enumerate(values) if may_name(value, name)]
