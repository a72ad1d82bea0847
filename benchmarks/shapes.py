"""Events for benchmarks: lines made by the million, of any shape, and what they add up to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from benchmarks.lines import Digits, lines
from benchmarks.packed import Packed
from benchmarks.truth import NAME_DIGITS, Truth
from billing.event import DEFAULT_TYPES
from billing.period import add_months, month_calendar

FIRST_MONTH = "2024-01"
SEED = 1
CHUNK = 250_000

_MOST_CENTS = 100_000
_REPEATED_AFTER = 1_000
_WIDEST_TIME = 13

Integers = NDArray[np.int64]


class Form(Enum):
    """How an event is written."""

    CSV = "csv"
    CSV_WITH_ID = "csv with id"
    JSON = "json"


class Names(Enum):
    """In which scripts customers' names are written: what stands before the number, in turn."""

    ASCII = ("customer-no-",)
    ANY = ("Zoë-Grün-", "Łukasz-Ż-", "Дмитр-", "山田-", "Αθηνά-")


@dataclass(frozen=True)
class Shape:
    """What the events of a topic look like.

    Args:
        name: what it is called, in topics too.
        customers: how many, each as likely as any other; at most 10^6.
        months: how many calendar months of UTC, from `FIRST_MONTH` on.
        partitions: of the topic.
        form: how an event is written.
        names: of customers.
        malformed_share: share of records that cannot be billed.
        keyed: whether a record's key is its customer, who is then in one partition alone.
        in_order_over: over how many events the months go by, in order; 0: event times are random.
        repeated_share: share of records that repeat one of the last ones to the byte, as a producer does that tries
            again. Only with ids they are not billed.
    """

    name: str
    customers: int = 1_000
    months: int = 3
    partitions: int = 4
    form: Form = Form.CSV
    names: Names = Names.ASCII
    malformed_share: float = 0.0
    keyed: bool = True
    in_order_over: int = 0
    repeated_share: float = 0.0

    @property
    def month_names(self) -> list[str]:
        """The months, oldest first."""
        return [add_months(FIRST_MONTH, index) for index in range(self.months)]


# What others are compared with.
PLAIN = Shape("plain")


@dataclass(frozen=True)
class Chunk:
    """Records of some events: payloads, keys if there are any, and the partition of each."""

    payloads: Packed
    keys: Packed | None
    partitions: NDArray[np.int32]


@dataclass
class EventMaker:
    """Makes the events of a shape, the same ones each time, and keeps the truth about what it has made."""

    shape: Shape
    truth: Truth = field(init=False)

    def __post_init__(self) -> None:
        shape = self.shape
        calendar = month_calendar("UTC")
        starts = [calendar.bounds_ms(month)[0] for month in shape.month_names]
        self._end_ms = calendar.bounds_ms(shape.month_names[-1])[1]
        self._month_starts_ms = np.array(starts, np.int64)
        self._random = np.random.default_rng(SEED)
        self._made = 0
        prefixes = shape.names.value
        names = [f"{prefixes[n % len(prefixes)]}{n:0{NAME_DIGITS}d}" for n in range(shape.customers)]
        self.truth = Truth(names, shape.month_names, starts[0], self._end_ms)
        self._names = Packed.of([name.encode() for name in names])
        amounts = [b"%d.%02d" % divmod(cents, 100) for cents in range(_MOST_CENTS)]
        self._amounts = Packed.of([*amounts, *(amount + b".3" for amount in amounts)])
        self._types = Packed.of([*(name.encode() for name in DEFAULT_TYPES), b"NOSUCH"])

    def chunks(self, events: int) -> Iterator[Chunk]:
        """Yield so many more events."""
        for first in range(0, events, CHUNK):
            yield self.make(min(CHUNK, events - first))

    def make(self, events: int) -> Chunk:
        """Return so many more events."""
        draw, shape = self._random, self.shape
        times = self._times(events)
        customers = draw.integers(0, shape.customers, events, np.int64)
        cents = draw.integers(0, _MOST_CENTS, events, np.int64)
        types = draw.integers(0, len(DEFAULT_TYPES), events, np.int64)
        numbers = np.arange(self._made, self._made + events, dtype=np.int64)
        again = self._repeat([times, customers, cents, types, numbers])
        months = np.searchsorted(self._month_starts_ms, times, side="right") - 1
        good = draw.random(events) >= shape.malformed_share
        counts = good & ~again
        self.truth.add(customers[counts], months[counts], times[counts], types[counts], cents[counts])
        self.truth.rejected += events - int(good.sum())
        self.truth.duplicates += int((good & again).sum())
        bad = np.flatnonzero(~good)
        cents[bad[::2]] += _MOST_CENTS
        types[bad[1::2]] = len(DEFAULT_TYPES)
        turns = customers if shape.keyed else np.arange(self._made, self._made + events)
        self._made += events
        payloads, keys = self._lines(times, customers, cents, types, numbers)
        return Chunk(payloads, keys if shape.keyed else None, (turns % shape.partitions).astype(np.int32))

    def _times(self, events: int) -> Integers:
        """Return event times: random ones, or such that so many events take the months."""
        first_ms = int(self._month_starts_ms[0])
        if not self.shape.in_order_over:
            return self._random.integers(first_ms, self._end_ms, events, np.int64)
        numbers = np.arange(self._made, self._made + events, dtype=np.int64)
        return first_ms + numbers * (self._end_ms - first_ms) // self.shape.in_order_over

    def _repeat(self, columns: list[Integers]) -> NDArray[np.bool_]:
        """Let some events repeat others that came at most so many before; return which do."""
        events = len(columns[0])
        if not self.shape.repeated_share:
            return np.zeros(events, np.bool_)
        again = self._random.random(events) < self.shape.repeated_share
        again[0] = False
        first = np.flatnonzero(~again)
        last = np.searchsorted(first, np.flatnonzero(again)) - 1
        chosen = first[np.maximum(last - self._random.integers(0, _REPEATED_AFTER, len(last)), 0)]
        for column in columns:
            column[again] = column[chosen]
        return again

    def _lines(
        self, times: Integers, customers: Integers, cents: Integers, types: Integers, numbers: Integers
    ) -> tuple[Packed, Packed]:
        name, amount, type_ = self._names.take(customers), self._amounts.take(cents), self._types.take(types)
        time = Digits(times, _WIDEST_TIME)
        head: list[str | Digits]
        rest: list[str | Packed | Digits]
        if self.shape.form is Form.JSON:
            head = ['{"timestamp": ', time, ', "customer": "']
            rest = ['", "amount": "', amount, '", "type": "', type_, '"}']
        else:
            head = [time, ","]
            rest = [",", amount, ",", type_]
            if self.shape.form is Form.CSV_WITH_ID:
                rest += [",event-", Digits(numbers, 10)]
        payloads = lines([*head, name, *rest], len(times))
        # The name stands behind as many bytes in each line.
        offset = sum(len(piece) if isinstance(piece, str) else piece.width for piece in head)
        return payloads, Packed(payloads.data, payloads.starts + offset, name.lengths)
