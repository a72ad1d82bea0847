"""Which partition of the keyed topic each record goes to: its customer's, or one that its source partition chooses."""

import numpy as np
from numpy.typing import NDArray

from billing.event import EventRules, customer_of
from billing.runtime.native.block import Integers, RecordBlock, joined
from processor.kernel.keyed import place_names, place_rows
from processor.kernel.parse import parse_records
from processor.kernel.rows import ROW_NUMBERS, type_rows

# No event time is a reason to place a record elsewhere: today's future is tomorrow's past.
_ANY_TIME_MS = (0, 2**62)


class Placing:
    """Finds the customer of each record: of the plain ones by the kernel, of the others by the rules.

    A customer has one partition, whatever the record's form and whatever else is wrong with it. It is the one that
    Kafka's clients choose for the name as a key (murmur2), so that any of them can tell where a customer's records are,
    and that records which a producer keyed by customer keep their partition if the numbers of partitions agree.

    Args:
        rules: the types, which tell what the kernel reads, and the longest event.
        partitions: how many the keyed topic has.
    """

    def __init__(self, rules: EventRules, partitions: int) -> None:
        self._most_bytes = rules.max_event_bytes
        self._partitions = partitions
        self._types = type_rows(rules)
        self._rows = np.empty((0, ROW_NUMBERS), np.int64)

    def targets(self, block: RecordBlock) -> Integers:
        """Return the partition of each record of a block."""
        count = len(block)
        if count > len(self._rows):
            self._rows = np.empty((count, ROW_NUMBERS), np.int64)
        rows, rest, targets = self._rows[:count], np.empty(count, np.int64), np.empty(count, np.int64)
        limits = (self._most_bytes, *_ANY_TIME_MS)
        left = parse_records(block.values, block.value_lengths, self._types, limits, 0, rows, rest)
        place_rows(rows, self._partitions, targets)
        if left:
            self._place_others(block, rest[:left], targets)
        return targets

    def _place_others(self, block: RecordBlock, positions: Integers, targets: Integers) -> None:
        """Place records one by one; those that name nobody go where their source partition says."""
        targets[positions] = block.partitions[positions] % self._partitions
        named = [(at, name) for at in positions.tolist() if (name := self._customer(block, at)) is not None]
        if named:
            found: NDArray[np.int64] = np.empty(len(named), np.int64)
            buffer, addresses, lengths = joined([name.encode() for _, name in named])
            place_names(addresses, lengths, self._partitions, found)
            del buffer
            targets[[at for at, _ in named]] = found

    def _customer(self, block: RecordBlock, index: int) -> str | None:
        """Return a record's customer; one that is too large to be billed is not read."""
        return customer_of(block.value(index)) if block.value_lengths[index] <= self._most_bytes else None
