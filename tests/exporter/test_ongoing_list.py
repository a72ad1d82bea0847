"""A list that goes on from page to page follows the ids of its customer, and the exporter keeps only a few lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.event import EventRules, Reason
from billing.period import month_calendar
from exporter.model import ongoing_list
from exporter.model.input_pages import PageAsked
from exporter.model.ongoing_list import KeptLists, ListRules, OngoingList
from tests.once_histories import CUSTOMERS, START_MS, Sent, histories, payload_of
from tests.once_model import DAY_MS, OnceModel

NOW_MS = START_MS + 900 * DAY_MS


def rules(window_days: int = 2) -> ListRules:
    return ListRules(EventRules(), month_calendar("UTC"), window_days)


@given(histories(max_size=60), st.sampled_from(CUSTOMERS), st.integers(0, 3))
def test_what_is_listed_adds_up_to_what_the_rules_bill(history: list[Sent], customer: str, window_days: int) -> None:
    """Each event that is billed, and nothing else."""
    model, ongoing = OnceModel(window_days), OngoingList(rules(window_days), customer)
    micros = events = 0
    for offset, sent in enumerate(history):
        outcome = model.decide(sent.partition, offset, sent.record)
        if outcome.reason not in (None, Reason.DUPLICATE):
            ongoing.rejected.reasons[sent.partition, offset] = str(outcome.reason)
        for one in ongoing.listed(sent.partition, offset, payload_of(sent.record, offset), NOW_MS):
            micros, events = micros + (one.amount_micros or 0), events + one.events
    billed = [event for event in model.billed if event.customer == customer]
    assert (micros, events) == (sum(event.amount_micros for event in billed), len(billed))


def test_days_behind_the_window_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many ids as a list keeps may come in each window, for ever."""
    monkeypatch.setattr(ongoing_list, "MOST_IDS", 20)
    ongoing = OngoingList(rules(), "Zoe")
    for number in range(200):
        second = (START_MS + number * DAY_MS) // 1_000
        assert list(ongoing.listed(0, number, b"%d,Zoe,1,CALL,%d" % (second, number), NOW_MS))


def asked(customer: str, offset: int) -> PageAsked:
    return PageAsked(customer, "2017-03", "", {0: offset}, {0: 9}, 10)


def test_a_list_goes_on_where_it_was_and_the_oldest_are_let_go() -> None:
    """Whoever asks for a page that nobody kept gets a list that has read nothing."""
    lists = KeptLists(rules())
    made = {customer: lists.take(asked(customer, 0)) for customer in map(str, range(9))}
    for customer, ongoing in made.items():
        ongoing.offsets[0] = 5
        lists.keep(asked(customer, 0), {0: 5}, ongoing)
    assert lists.take(asked("8", 5)) is made["8"]
    assert lists.take(asked("8", 5)).offsets == {}
    assert lists.take(asked("0", 5)).offsets == {}
    assert lists.take(asked("1", 4)).offsets == {}
    assert lists.take(asked("1", 5)) is made["1"]
