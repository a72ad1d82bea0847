"""Random histories of records with ids: repeats, conflicts, voids and replacements, out of order and late.

A history is made of steps, each a few numbers, so that hypothesis can shrink it and a seed can make a long one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import count
from json import dumps
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from billing.event import DEFAULT_TYPES, BillableEvent, Void
from billing.money import format_micros
from tests.once_model import DAY_MS, Record

START_MS = 1_488_326_400_000  # 2017-03-01
CUSTOMERS = ("Zoe", "Yan", "Zoë")
# Few, so that two customers, and two days, have the same.
IDS = ("", "a", "b", "c", "d", "7", "é")
# Around the edges of a UTC day.
_WITHIN_DAY_MS = (0, 1, 1_000, DAY_MS // 2, DAY_MS - 1)
_AMOUNTS = (0, 1_500_000, -250_000, 10**12, 1)


class Kind(IntEnum):
    """What a step sends."""

    NEW = 0
    """An event; its id may have been used."""
    REPEAT = 1
    """A record that was sent before."""
    CONFLICT = 2
    """An event that was sent before, with one thing changed."""
    VOID = 3
    """A void of an id that was sent before."""
    REPLACE = 4
    """A replacement of an id that was sent before."""
    STRANGER = 5
    """A void or replacement of an id by another customer, or of an id that nobody sent."""
    ADVANCE = 6
    """An event some days ahead of all others."""


class Step(NamedTuple):
    """One step: `kind`, and numbers that choose whatever has to be chosen."""

    kind: int
    which: int
    day: int
    moment: int
    amount: int
    id: int
    partition: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A record and the input partition that it was sent to."""

    partition: int
    record: Record


def steps(window_days: int, partitions: int) -> st.SearchStrategy[Step]:
    """Return a strategy of steps whose days lie around both edges of the window."""
    return st.builds(
        Step,
        st.sampled_from(Kind),
        st.integers(0, 15),
        st.integers(-window_days - 2, 1),
        st.integers(0, len(_WITHIN_DAY_MS) - 1),
        st.integers(0, len(_AMOUNTS) - 1),
        st.integers(0, len(IDS) - 1),
        st.integers(0, partitions - 1),
    )


def histories(window_days: int = 2, partitions: int = 2, max_size: int = 50) -> st.SearchStrategy[list[Sent]]:
    """Return a strategy of histories.

    Args:
        window_days: how long the window is that their days are chosen for.
        partitions: over how many input partitions they go.
        max_size: how many records they have at most.
    """
    return st.lists(steps(window_days, partitions), max_size=max_size).map(history)


def random_history(seed: int, records: int, window_days: int = 2, partitions: int = 2) -> list[Sent]:
    """Return a long history, the same for the same seed. Most of its ids are new ones."""
    random = Random(seed)
    return history(
        Step(
            random.choice(tuple(Kind)[:6]) if random.random() < 0.98 else Kind.ADVANCE,
            int(random.expovariate(1 / 20)),
            max(random.randint(-window_days - 2, 1), random.randint(-window_days - 2, 1)),
            random.randrange(len(_WITHIN_DAY_MS)),
            random.randrange(len(_AMOUNTS)),
            random.randrange(1, 10**6),
            random.randrange(partitions),
        )
        for _ in range(records)
    )


def history(of: Iterable[Step]) -> list[Sent]:
    """Return what the steps send."""
    sent: list[Sent] = []
    ahead = count(1)
    days = 0
    for step in of:
        if step.kind == Kind.ADVANCE:
            days += 1 + next(ahead) % 3
        sent.append(_take(step, START_MS + days * DAY_MS, sent))
    return sent


def _take(step: Step, now_ms: int, sent: list[Sent]) -> Sent:
    # What is newest is what is most often sent again.
    former = sent[-1 - step.which % len(sent)] if sent else None
    if former is None or step.kind in (Kind.NEW, Kind.ADVANCE):
        return Sent(step.partition, _event(step, now_ms))
    # Now and then to another partition, where it is not known.
    partition = step.partition if step.which % 7 == 6 else former.partition
    match step.kind:
        case Kind.REPEAT:
            return Sent(partition, former.record)
        case Kind.CONFLICT:
            return Sent(partition, _changed(step, former.record, now_ms))
        case Kind.STRANGER:
            return Sent(partition, _stranger(step, former.record, now_ms))
        case _:
            return Sent(partition, _taking_back(step, former.record.customer, former.record.id or "a", now_ms))


def _event(step: Step, now_ms: int) -> BillableEvent:
    days = 0 if step.kind == Kind.ADVANCE else step.day
    return BillableEvent(
        timestamp_ms=now_ms + days * DAY_MS + _WITHIN_DAY_MS[step.moment],
        customer=CUSTOMERS[step.which % len(CUSTOMERS)],
        amount_micros=_AMOUNTS[step.amount],
        type=DEFAULT_TYPES[step.amount % len(DEFAULT_TYPES)],
        id=_id(step.id),
    )


def _id(number: int) -> str:
    return IDS[number] if number < len(IDS) else f"id-{number}"


def _changed(step: Step, record: Record, now_ms: int) -> Record:
    """Return a record with the same id and other content, in one of the ways there are."""
    if isinstance(record, Void):
        return replace(record, target=record.target + "x") if step.amount % 2 else replace(_event(step, now_ms), id="a")
    match step.amount:
        case 0:
            return replace(record, amount_micros=record.amount_micros + 1)
        case 1:
            return replace(record, timestamp_ms=record.timestamp_ms + 1_000)
        case 2:
            return replace(record, type="DATA" if record.type == "CALL" else "CALL")
        case 3:
            return replace(record, timestamp_ms=record.timestamp_ms + DAY_MS)
        case _:
            return replace(record, replaces="" if record.replaces else "b")


def _taking_back(step: Step, customer: str, target: str, now_ms: int) -> Record:
    if step.kind == Kind.VOID or (step.kind == Kind.STRANGER and step.amount % 2):
        return Void(customer, target, _id(step.id))
    return replace(_event(step, now_ms), customer=customer, replaces=target)


def _stranger(step: Step, record: Record, now_ms: int) -> Record:
    other = CUSTOMERS[(CUSTOMERS.index(record.customer) + 1) % len(CUSTOMERS)]
    if step.day % 2:
        return _taking_back(step, other, record.id or "a", now_ms)
    return _taking_back(step, record.customer, "nobody's", now_ms)


def payload_of(record: Record, spelling: int = 0) -> bytes:
    """Return a record on the wire; another spelling is the same record."""
    if isinstance(record, Void):
        return dumps({"void": record.target, "customer": record.customer, "id": record.id}).encode()
    amount = format_micros(record.amount_micros)
    if spelling % 2:
        amount = amount.rstrip("0").rstrip(".")
    if spelling % 4 < 2 and not record.replaces:
        return f"{record.timestamp_ms},{record.customer},{amount},{record.type},{record.id}".encode()
    fields = {"timestamp": record.timestamp_ms, "customer": record.customer, "amount": amount, "type": record.type}
    more = {"id": record.id, "replace": record.replaces}
    return dumps(fields | {name: text for name, text in more.items() if text}).encode()
