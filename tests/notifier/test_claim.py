"""Who sends: the one whose claim comes last in the ledger, however many are started and whenever each reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.claim import FencedError
from billing.notification_ledger import Sender
from notifier.claim import SendingClaim

LEDGER = "billing.notifications"


def claims(count: int) -> list[SendingClaim]:
    return [SendingClaim(LEDGER, f"one {number}") for number in range(count)]


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from(("write", "read")), st.integers(0, 4)), max_size=60))
def test_of_any_number_the_last_one_stays(count: int, steps: list[tuple[str, int]]) -> None:
    """Each claims once, after it has read what is there; in the end all have read all."""
    ledger: list[Sender] = []
    everybody, fenced = claims(count), set[str]()
    reached, written = [0] * count, set[int]()

    def read(number: int) -> None:
        claim = everybody[number]
        while reached[number] < len(ledger) and claim.name not in fenced:
            try:
                claim.read(ledger[reached[number]])
            except FencedError:
                fenced.add(claim.name)
            reached[number] += 1

    def write(number: int) -> None:
        if number not in written:
            read(number)
            everybody[number].check()
            ledger.append(everybody[number].record)
            written.add(number)

    for step, number in steps:
        (write if step == "write" else read)(number % count)
    for number in range(count):
        write(number)
    for number in range(count):
        read(number)
    (last,) = (claim for claim in everybody if claim.name not in fenced)
    assert last.record == ledger[-1]
    assert last.is_held


def test_it_sends_from_where_it_reads_its_own_name() -> None:
    """Not before: another one may come in between."""
    first, second = claims(2)
    assert not second.had_another
    second.read(first.record)
    second.check()
    assert (second.is_held, second.had_another) == (False, True)
    second.read(second.record)
    assert second.is_held
    first.read(first.record)
    with pytest.raises(FencedError, match=r"another qb notify has taken over the ledger billing\.notifications"):
        first.read(second.record)


def test_a_session_that_reads_the_ledger_anew_goes_on_with_its_claim() -> None:
    """Unless another one came behind it: also if compaction has left that one alone."""
    mine, other = claims(2)
    mine.read(other.record)
    mine.read(mine.record)
    mine.begin()
    assert not mine.is_held
    mine.read(other.record)
    mine.read(mine.record)
    mine.check()
    assert mine.is_held
    mine.begin()
    mine.check()
    mine.read(other.record)
    with pytest.raises(FencedError, match=r"docs/runbook\.md#fenced-notify"):
        mine.check()
