"""Of several invoicers the one that was started last has the ledger, and no two fence each other for ever."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from billing.claim import UNCLAIMED, Claim, FencedError
from billing.runtime.ledger_writer import LedgerLostError
from billing.runtime.signals import NEVER
from invoicer.ledger_writer import KafkaLedgerWriter
from invoicer.metrics import InvoicerMetrics
from invoicer.session import Listeners, Session, open_session
from invoicer.witness import read_confirmed
from tests.conftest import Kafka
from tests.invoicer.kafka_world import KafkaWorld

LEDGER = "billing.invoices"
SENTENCE = r"another invoicer has taken over the ledger billing\.invoices.*docs/runbook\.md#fenced-invoicer"


def test_who_may_have_the_ledger() -> None:
    """Nobody, the one that was there at the start and the invoicer itself are no reason to leave; any other is."""
    claim = Claim(LEDGER, "mine")
    for holder in ("before", "before", "mine", UNCLAIMED, "mine"):
        claim.check(holder)
    with pytest.raises(FencedError, match=SENTENCE):
        claim.check("newer")


def test_names_differ() -> None:
    """Two invoicers never have one name, also on one machine."""
    assert len({Claim(LEDGER).name for _ in range(100)}) == 100


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60))
def test_one_of_three_remains(turns: list[tuple[int, bool]]) -> None:
    """Whoever takes over when, and however often it is fenced before it could claim: one of them is left in the end."""
    claims = [Claim(LEDGER, f"invoicer {number}") for number in range(3)]
    running = dict(enumerate(claims))
    holder = "before"
    fair = [(number, False) for _ in range(3) for number in range(3)]
    for number, is_fenced in (*turns, *fair):
        if number not in running:
            continue
        try:
            running[number].check(holder)
        except FencedError:
            del running[number]
            continue
        if not is_fenced:
            holder = running[number].name
    assert len(running) == 1
    assert holder == next(iter(running.values())).name


@pytest.fixture
def world(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> KafkaWorld:
    """A Kafka without any event."""
    return KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path)


def session(world: KafkaWorld, claim: Claim) -> AbstractContextManager[Session]:
    """Open a session of an invoicer."""
    return open_session(world.settings, Listeners(InvoicerMetrics(CollectorRegistry())), claim, NEVER)


def claims(world: KafkaWorld) -> tuple[Claim, Claim]:
    """Return the claims of two invoicers, the older one first."""
    return Claim(world.settings.invoices_topic), Claim(world.settings.invoices_topic)


def test_one_that_comes_back_leaves_the_newer_one_alone(world: KafkaWorld) -> None:
    """It has lost its session, and another one was started: it says so and leaves, and the newer one is not fenced."""
    old, new = claims(world)
    with session(world, old) as first:
        first.confirm()
    with session(world, new) as second:
        for _ in range(2):
            with pytest.raises(FencedError, match="another invoicer has taken over"), session(world, old):
                pytest.fail("it has the ledger")
        second.confirm()
        assert read_confirmed(world.settings).holder == new.name


def test_one_that_comes_back_alone_goes_on(world: KafkaWorld) -> None:
    """Fenced by one that never claimed the ledger, or by its own next session, it takes over again."""
    claim, _ = claims(world)
    with session(world, claim) as first:
        unclaimed = KafkaLedgerWriter(world.settings)
        unclaimed.take_over()
        with pytest.raises(LedgerLostError, match="fenced on the ledger"):
            first.confirm()
    with session(world, claim) as second:
        second.confirm()
    unclaimed.close()


def test_a_claim_keeps_what_was_confirmed(world: KafkaWorld) -> None:
    """The witness of the ledger's end is not lost to a session that has not read the ledger yet."""
    old, new = claims(world)
    with session(world, old) as first:
        first.confirm()
    ended = read_confirmed(world.settings).ledger_end
    assert ended >= 0
    with session(world, new):
        confirmed = read_confirmed(world.settings)
    assert (confirmed.ledger_end, confirmed.holder) == (ended, new.name)
