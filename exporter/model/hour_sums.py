"""The sums of hours, per input partition and over all of them."""

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from billing.subtotal import hour_block
from billing.sums import NO_SUMS, Sums, minus, plus

_NONE: Mapping[int, Sums] = MappingProxyType({})


class HourSums:
    """All hours, changed by one partial at a time. It is not thread-safe."""

    def __init__(self, now: Mapping[int, Sums] | None = None) -> None:
        self.now: dict[int, Sums] = dict(now or {})
        # Sorted when asked for: a new hour comes once per hour of event time.
        self._starts: list[int] | None = None
        # (input partition, start of a block) -> hour's start -> sums.
        self._partials: defaultdict[tuple[int, int], dict[int, Sums]] = defaultdict(dict)

    def still(self) -> "HourSums":
        """Return the sums as they are now; they do not change any more. Partials are left out."""
        return HourSums(self.now)

    def of_block(self, partition: int, block_start_ms: int) -> Mapping[int, Sums]:
        """Return what an input partition has for the hours of a block, by their starts. Read it, do not change it."""
        return self._partials.get((partition, block_start_ms), _NONE)

    def put(self, partition: int, start_ms: int, sums: Sums | None) -> Sums | None:
        """Replace what an input partition has for an hour; None takes it away. Return what it had."""
        partials = self._partials[partition, hour_block(start_ms)[0]]
        old = partials.get(start_ms)
        if sums is None:
            partials.pop(start_ms, None)
        else:
            partials[start_ms] = sums
        before = self.now.get(start_ms)
        after = plus(minus(before or NO_SUMS, old or NO_SUMS), sums or NO_SUMS)
        if any(after):
            self.now[start_ms] = after
        else:
            self.now.pop(start_ms, None)
        if (before is None) is (start_ms in self.now):
            self._starts = None
        return old

    def starts(self) -> list[int]:
        """Return the starts of the hours with events, in their order. Read it, do not change it."""
        if self._starts is None:
            self._starts = sorted(self.now)
        return self._starts
