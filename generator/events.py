"""The endless stream of generated events: the same seed and the same clock readings give the same bytes.

Each event carries the truth about itself, fixed when it was made and never read back from its bytes: what it must
be billed as, what it takes back, or why it must be rejected.
"""

from collections.abc import Iterator
from random import Random

from billing.clock import Clock
from billing.event import BillableEvent
from billing.local_time import MS_PER_SECOND
from billing.period import FIRST_MS_TIMESTAMP
from generator.malformed import Draft, draw_malformed
from generator.mix import EventMix, GeneratedEvent
from generator.names import draw_customer
from generator.prices import draw_amount, price_of
from generator.references import References
from generator.written import write_csv, write_json

__all__ = ["EventMix", "GeneratedEvent", "generate_events"]

_FORMS_WITH_ID = ("csv5", "json")


def generate_events(mix: EventMix, seed: int, clock: Clock) -> Iterator[GeneratedEvent]:
    """Yield events for ever; each reads the clock once, when it is asked for."""
    source = _Source(mix, Random(seed))
    while True:
        yield source.draw(clock.now_ms())


class _Source:
    """Draws the records of one stream."""

    def __init__(self, mix: EventMix, random: Random) -> None:
        self._mix = mix
        self._random = random
        self._now_ms = 0
        weights = [price_of(type_).weight for type_ in mix.types]
        self._deck = [type_ for type_, weight in zip(mix.types, weights, strict=True) for _ in range(weight)]
        self._references = References(mix, self._draw_replacement) if mix.refers_back else None

    def draw(self, now_ms: int) -> GeneratedEvent:
        """Return the next record."""
        self._now_ms = now_ms
        if self._references and (referring := self._references.draw(self._random, now_ms, self._draw_id())):
            return referring
        return self._draw_new()

    def _draw_new(self) -> GeneratedEvent:
        random, mix = self._random, self._mix
        customer = draw_customer(random, mix.customers)
        key = customer.encode() if mix.keyed else None
        if random.random() < mix.malformed_share:
            reason, payload = draw_malformed(random, self._draft(customer))
            return GeneratedEvent(payload, key, None, reason)
        form = mix.formats[int(random.random() * len(mix.formats))]
        event, amount = self._draw_event(customer, form)
        if self._references:
            self._references.remember(event, event.timestamp_ms)
        payload = write_json(random, event, amount) if form == "json" else write_csv(form, event, amount)
        return GeneratedEvent(payload, key, event)

    def _draw_event(self, customer: str, form: str) -> tuple[BillableEvent, str]:
        """Return an event and its amount as text."""
        random, mix = self._random, self._mix
        type_ = mix.default_type if form == "csv3" else self._deck[int(random.random() * len(self._deck))]
        micros, amount = draw_amount(random, price_of(type_))
        if random.random() < mix.credit_share:
            micros, amount = -micros, f"-{amount}"
        time_ms = self._draw_time()
        # Farther back it cannot be told whether an id was counted before: such an event would be rejected.
        has_id = form in _FORMS_WITH_ID and time_ms >= self._now_ms - mix.id_reach_ms
        return BillableEvent(time_ms, customer, micros, type_, self._draw_id() if has_id else ""), amount

    def _draw_replacement(self, customer: str) -> tuple[BillableEvent, str]:
        return self._draw_event(customer, "json")

    def _draw_id(self) -> str:
        """Return an id that is new, also among those of a stream with the same seed at another time."""
        return f"{self._now_ms:x}-{self._random.getrandbits(48):012x}"

    def _draw_time(self) -> int:
        """Return an event time in whole seconds or, half of the time, with milliseconds."""
        random, mix = self._random, self._mix
        reach = mix.late_ms if mix.late_share and random.random() < mix.late_share else mix.out_of_order_ms
        time_ms = max(0, self._now_ms - int(random.random() * reach))
        if random.random() < 0.5 or time_ms < FIRST_MS_TIMESTAMP:
            return time_ms - time_ms % MS_PER_SECOND
        return time_ms

    def _draft(self, customer: str) -> Draft:
        mix = self._mix
        return Draft(
            timestamp_s=self._draw_time() // MS_PER_SECOND,
            customer=customer,
            amount=draw_amount(self._random, price_of(mix.default_type))[1],
            now_ms=self._now_ms,
            max_future_ms=mix.max_future_ms,
            max_event_bytes=mix.max_event_bytes,
            types=mix.types,
        )
