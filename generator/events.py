"""The endless stream of generated events: the same seed and the same clock readings give the same bytes.

Each event carries the truth about itself, fixed when it was made and never read back from its bytes: what it must
be billed as, or why it must be rejected.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from random import Random

from billing.clock import Clock
from billing.event import DEFAULT_TYPE, DEFAULT_TYPES, BillableEvent, Reason
from billing.local_time import MS_PER_SECOND
from billing.period import FIRST_MS_TIMESTAMP
from billing.settings import EVENT_FORMATS
from generator.malformed import Draft, draw_malformed
from generator.names import NAMES, draw_customer
from generator.prices import draw_amount, price_of

_OFFSETS = (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-3, minutes=-30)))


@dataclass(frozen=True)
class EventMix:
    """What the stream is made of.

    Args:
        customers: how many customers there are.
        types: the event types.
        default_type: the type of an event that names none.
        formats: forms on the wire in equal shares; one named twice comes twice as often. ``csv3`` names no type,
            ``csv4`` does, ``csv5`` has an id as well, ``json`` has it all in many spellings.
        keyed: whether records have the customer as their key, or none.
        malformed_share: share of records that must be rejected, 0 to 1.
        credit_share: share of the good events whose amount is negative, 0 to 1.
        out_of_order_ms: how far behind the clock an event in time may lie.
        late_share: share of the good events that lie up to `late_ms` behind the clock, 0 to 1.
        late_ms: how far behind the clock a late event may lie.
        max_future_ms: how far past now the processor accepts an event.
        max_event_bytes: the longest record that the processor takes as an event.
    """

    customers: int = len(NAMES)
    types: tuple[str, ...] = DEFAULT_TYPES
    default_type: str = DEFAULT_TYPE
    formats: tuple[str, ...] = EVENT_FORMATS
    keyed: bool = True
    malformed_share: float = 0.0
    credit_share: float = 0.02
    out_of_order_ms: int = 60_000
    late_share: float = 0.0
    late_ms: int = 5 * 86_400_000
    max_future_ms: int = 86_400_000
    max_event_bytes: int = 16_384


@dataclass(frozen=True, slots=True)
class GeneratedEvent:
    """A record for the input topic and the truth about it: either `expected` or `reason` is there."""

    payload: bytes | None
    key: bytes | None
    expected: BillableEvent | None
    reason: Reason | None = None


def generate_events(mix: EventMix, seed: int, clock: Clock) -> Iterator[GeneratedEvent]:
    """Yield events for ever; each reads the clock once, when it is asked for."""
    random = Random(seed)
    weights = [price_of(type_).weight for type_ in mix.types]
    deck = [type_ for type_, weight in zip(mix.types, weights, strict=True) for _ in range(weight)]
    while True:
        yield _draw_event(random, mix, deck, clock.now_ms())


def _draw_event(random: Random, mix: EventMix, deck: list[str], now_ms: int) -> GeneratedEvent:
    customer = draw_customer(random, mix.customers)
    key = customer.encode() if mix.keyed else None
    if random.random() < mix.malformed_share:
        reason, payload = draw_malformed(random, _draft(random, mix, customer, now_ms))
        return GeneratedEvent(payload, key, None, reason)
    form = mix.formats[int(random.random() * len(mix.formats))]
    type_ = mix.default_type if form == "csv3" else deck[int(random.random() * len(deck))]
    micros, amount = draw_amount(random, price_of(type_))
    if random.random() < mix.credit_share:
        micros, amount = -micros, f"-{amount}"
    time_ms = _draw_time(random, mix, now_ms)
    id_ = f"{random.getrandbits(48):012x}" if form in ("csv5", "json") else ""
    event = BillableEvent(time_ms, customer, micros, type_, id_)
    payload = _write_json(random, event, amount) if form == "json" else _write_csv(form, event, amount)
    return GeneratedEvent(payload, key, event)


def _draw_time(random: Random, mix: EventMix, now_ms: int) -> int:
    """Return an event time in whole seconds or, half of the time, with milliseconds."""
    reach = mix.late_ms if mix.late_share and random.random() < mix.late_share else mix.out_of_order_ms
    time_ms = max(0, now_ms - int(random.random() * reach))
    if random.random() < 0.5 or time_ms < FIRST_MS_TIMESTAMP:
        return time_ms - time_ms % MS_PER_SECOND
    return time_ms


def _shortest(time_ms: int) -> int:
    """Return whole seconds as seconds and anything else as milliseconds."""
    return time_ms if time_ms % MS_PER_SECOND else time_ms // MS_PER_SECOND


def _write_csv(form: str, event: BillableEvent, amount: str) -> bytes:
    line = f"{_shortest(event.timestamp_ms)},{event.customer},{amount}"
    if form != "csv3":
        line += f",{event.type}"
    if form == "csv5":
        line += f",{event.id}"
    return line.encode()


def _write_json(random: Random, event: BillableEvent, amount: str) -> bytes:
    spelling = random.getrandbits(3)
    timestamp = f'"{_rfc3339(random, event.timestamp_ms)}"' if spelling & 1 else str(_shortest(event.timestamp_ms))
    amount = f'"{amount}"' if spelling & 2 else amount
    type_ = event.type.lower() if spelling & 4 else event.type
    return (
        f'{{"timestamp":{timestamp},"customer":{json.dumps(event.customer)},"amount":{amount},'
        f'"type":"{type_}","id":"{event.id}"}}'
    ).encode()


def _rfc3339(random: Random, time_ms: int) -> str:
    zone = _OFFSETS[int(random.random() * len(_OFFSETS))]
    moment = datetime.fromtimestamp(time_ms // MS_PER_SECOND, zone)
    return moment.replace(microsecond=time_ms % MS_PER_SECOND * 1_000).isoformat()


def _draft(random: Random, mix: EventMix, customer: str, now_ms: int) -> Draft:
    return Draft(
        timestamp_s=_draw_time(random, mix, now_ms) // MS_PER_SECOND,
        customer=customer,
        amount=draw_amount(random, price_of(mix.default_type))[1],
        now_ms=now_ms,
        max_future_ms=mix.max_future_ms,
        max_event_bytes=mix.max_event_bytes,
        types=mix.types,
    )
