"""How the input is fetched: much at once, or one batch at a time while there are records that unpack to very much.

The client unpacks all batches of a fetch before it hands out the first, so a megabyte of them may take gigabytes of
memory. It refuses to unpack a zstd batch to more than it may receive. That is a small limit as a rule; a batch beyond
it ends the run, and the next one is careful: it takes such batches, but never two at once, and ends after a while.
"""

import time
from collections.abc import Callable

from billing.rejected_record import LARGEST_UNPACKED_BYTES

_MOST_FETCHED_BYTES = 16_777_216
# What surrounds the batches in an answer.
_ENVELOPE_BYTES = 65_536
CAREFUL = {
    "fetch.message.max.bytes": 1,  # a broker sends the first batch whole all the same
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1,
    "receive.message.max.bytes": LARGEST_UNPACKED_BYTES,
}
CAREFUL_SECONDS = 10.0


def swift(largest_batch_bytes: int) -> dict[str, object]:
    """Return the options for fetching much at once from a topic that takes batches of that size as they are sent."""
    most = max(_MOST_FETCHED_BYTES, largest_batch_bytes)
    return {"fetch.max.bytes": most, "receive.message.max.bytes": most + _ENVELOPE_BYTES}


class CarefulLongEnoughError(Exception):
    """The careful run has taken its time: the next one fetches much at once again."""


class CarefulRun:
    """Ends a careful run so many seconds after its first commit, which it always lets pass.

    Args:
        may_write: asked before each commit; raises what forbids it.
    """

    def __init__(self, may_write: Callable[[], None]) -> None:
        self._may_write = may_write
        self._until: float | None = None

    def __call__(self) -> None:
        """Let a commit pass, or raise what forbids it."""
        self._may_write()
        if self._until is None:
            self._until = time.monotonic() + CAREFUL_SECONDS
        elif time.monotonic() > self._until:
            raise CarefulLongEnoughError(f"read carefully for {CAREFUL_SECONDS:.0f} s")
