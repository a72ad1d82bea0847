"""What the stream of generated events is made of, and what one record of it is."""

from dataclasses import dataclass

from billing.event import DEFAULT_TYPE, DEFAULT_TYPES, BillableEvent, Reason
from billing.settings import EVENT_FORMATS
from generator.names import NAMES

MS_PER_DAY = 86_400_000


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
        repeat_share: share of records that repeat an earlier one, with its id and content, 0 to 1.
        conflict_share: share of records that use the id of an earlier event for another amount.
        void_share: share of records that take an earlier event back.
        replace_share: share of records that put another event in the place of an earlier one.
        dedup_window_ms: how far behind the highest event time the processor knows an id.

    Raises:
        ValueError: earlier records are referred to, and those that refer to them have no key: they might be read first.
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
    late_ms: int = 5 * MS_PER_DAY
    max_future_ms: int = MS_PER_DAY
    max_event_bytes: int = 16_384
    repeat_share: float = 0.0
    conflict_share: float = 0.0
    void_share: float = 0.0
    replace_share: float = 0.0
    dedup_window_ms: int = 35 * MS_PER_DAY

    def __post_init__(self) -> None:
        if self.refers_back and not self.keyed:
            raise ValueError("records that refer to earlier ones need a key")

    @property
    def refers_back(self) -> bool:
        """Whether some records refer to earlier ones, by their ids."""
        return any((self.repeat_share, self.conflict_share, self.void_share, self.replace_share))

    @property
    def id_reach_ms(self) -> int:
        """How far behind the clock an event with an id may lie: the highest event time may be ahead of the clock."""
        return max(0, self.dedup_window_ms - self.max_future_ms)


@dataclass(frozen=True, slots=True)
class GeneratedEvent:
    """A record for the input topic and the truth about it.

    Args:
        payload: the record's value.
        key: its key.
        expected: the event that it must be billed as; None of a void, and of what is not accepted.
        reason: why it must not be accepted, `Reason.DUPLICATE` if it repeats another; None if it must be.
        takes_back: the event that must be billed no longer.
    """

    payload: bytes | None
    key: bytes | None
    expected: BillableEvent | None
    reason: Reason | None = None
    takes_back: BillableEvent | None = None
