"""Records that refer to earlier ones by their ids: repeats, conflicts, voids and replacements.

The truth about each is known when it is made, by the rules of docs/once.md, as long as it is read after what it refers
to: it has the same key. What it refers to lies within the window of ids, whatever the order of event times.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from billing.event import BillableEvent, Reason, Void
from billing.money import format_micros
from generator.mix import EventMix, GeneratedEvent
from generator.written import write_csv, write_json, write_void

# Of so many records the ids are remembered, the newest.
_MOST_SENT = 4_096
_TRIES = 8
_CONFLICT_MICROS = 10_000


@dataclass(slots=True)
class Sent:
    """A record with an id that was accepted, and by which event time its id is kept."""

    record: BillableEvent | Void
    kept_by_ms: int
    is_taken_back: bool = False

    def take_back(self) -> None:
        """Note that nothing may take it back any more."""
        self.is_taken_back = True


class References:
    """Makes records that refer to those it has been told of.

    Args:
        mix: what the stream is made of.
        draw_event: returns a new event of a customer with an id, and its amount as text.
    """

    def __init__(self, mix: EventMix, draw_event: Callable[[str], tuple[BillableEvent, str]]) -> None:
        self._mix = mix
        self._draw_event = draw_event
        self._sent: deque[Sent] = deque(maxlen=_MOST_SENT)
        self._makers = (
            (mix.repeat_share, self._repeat),
            (mix.conflict_share, self._conflict),
            (mix.void_share, self._void),
            (mix.replace_share, self._replace),
        )

    def remember(self, record: BillableEvent | Void, kept_by_ms: int) -> None:
        """Take note of a record that is accepted; without an id nothing can refer to it."""
        if record.id:
            self._sent.append(Sent(record, kept_by_ms))

    def draw(self, random: Random, now_ms: int, new_id: str) -> GeneratedEvent | None:
        """Return a record that refers to an earlier one as often as the shares say, else None.

        Args:
            random: decides.
            now_ms: the clock.
            new_id: an id that no record has yet.
        """
        left = random.random()
        for share, make in self._makers:
            if left < share:
                return make(random, now_ms, new_id)
            left -= share
        return None

    def _choose(self, random: Random, now_ms: int, fits: Callable[[Sent], bool]) -> Sent | None:
        """Return one of the records whose ids are surely known; None if none is found soon."""
        for _ in range(_TRIES if self._sent else 0):
            sent = self._sent[int(random.random() * len(self._sent))]
            if sent.kept_by_ms >= now_ms - self._mix.id_reach_ms and fits(sent):
                return sent
        return None

    def _repeat(self, random: Random, now_ms: int, _: str) -> GeneratedEvent | None:
        sent = self._choose(random, now_ms, lambda _: True)
        return None if sent is None else self._made(random, sent.record, reason=Reason.DUPLICATE)

    def _conflict(self, random: Random, now_ms: int, _: str) -> GeneratedEvent | None:
        sent = self._choose(random, now_ms, lambda sent: isinstance(sent.record, BillableEvent))
        if sent is None or not isinstance(sent.record, BillableEvent):
            return None
        other = replace(sent.record, amount_micros=sent.record.amount_micros + _CONFLICT_MICROS)
        return self._made(random, other, reason=Reason.ID_CONFLICT)

    def _void(self, random: Random, now_ms: int, new_id: str) -> GeneratedEvent | None:
        sent = self._choose(random, now_ms, _can_be_taken_back)
        if sent is None or not isinstance(sent.record, BillableEvent):
            return None
        sent.take_back()
        void = Void(sent.record.customer, sent.record.id, new_id)
        self.remember(void, sent.kept_by_ms)
        return self._made(random, void, takes_back=sent.record)

    def _replace(self, random: Random, now_ms: int, _: str) -> GeneratedEvent | None:
        sent = self._choose(random, now_ms, _can_be_taken_back)
        if sent is None or not isinstance(sent.record, BillableEvent):
            return None
        event, amount = self._draw_event(sent.record.customer)
        sent.take_back()
        event = replace(event, replaces=sent.record.id)
        self.remember(event, event.timestamp_ms)
        payload = write_json(random, event, amount)
        return GeneratedEvent(payload, event.customer.encode(), event, takes_back=sent.record)

    def _made(
        self,
        random: Random,
        record: BillableEvent | Void,
        reason: Reason | None = None,
        takes_back: BillableEvent | None = None,
    ) -> GeneratedEvent:
        return GeneratedEvent(_written(random, record), record.customer.encode(), None, reason, takes_back)


def _can_be_taken_back(sent: Sent) -> bool:
    return isinstance(sent.record, BillableEvent) and not sent.is_taken_back


def _written(random: Random, record: BillableEvent | Void) -> bytes:
    """Return a record in a form and spelling of its own, which need not be those it was sent in before."""
    if isinstance(record, Void):
        return write_void(record)
    amount = format_micros(record.amount_micros)
    if record.replaces or random.random() < 0.5:
        return write_json(random, record, amount)
    return write_csv("csv5", record, amount)
