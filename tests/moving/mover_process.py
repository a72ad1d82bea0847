"""The moving alone, as a process: `python -m tests.moving.mover_process move`, with its settings in the environment.

With `TORN_STEP` set, one of `STEPS`, a transaction is torn: see :class:`tests.torn_transactions.Tearing`.
"""

import os
import sys
import time
from typing import Any

from prometheus_client import CollectorRegistry

from billing.runtime.kafka import ensure_topics
from billing.runtime.logs import configure_logging
from billing.runtime.pulse import Pulse
from billing.runtime.signals import stop_on_signals
from billing.settings import load_settings
from processor.moving.moving import moving_beside
from processor.moving.writer import MoveWriter, transactional_id
from tests.torn_transactions import Tearing

STEPS = (
    "before the first record",
    "amid the records",
    "behind the flush",
    "behind the offsets",
    "behind the bookmarks",
)


class TornProducer:
    """A producer, with the tearing between its calls."""

    def __init__(self, producer: Any, tearing: Tearing) -> None:
        self._producer, self._tearing = producer, tearing
        self._flushes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def begin_transaction(self) -> None:
        """Begin."""
        self._flushes = 0
        self._producer.begin_transaction()
        self._tearing.reached(STEPS[0])

    def flush(self, seconds: float) -> int:
        """Flush: records, the first time, then bookmarks."""
        left = int(self._producer.flush(seconds))
        self._flushes += 1
        self._tearing.reached(STEPS[2] if self._flushes == 1 else STEPS[4])
        return left

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        """Send offsets."""
        self._producer.send_offsets_to_transaction(*arguments)
        self._tearing.reached(STEPS[3])


def tear(tearing: Tearing) -> None:
    """Put the tearing between the steps of every transaction of this process."""
    made, move = MoveWriter.__init__, MoveWriter.move

    def torn_made(writer: MoveWriter, *arguments: Any) -> None:
        made(writer, *arguments)
        writer._producer = TornProducer(writer._producer, tearing)

    def torn_move(writer: MoveWriter, block: Any, positions: Any, targets: Any) -> None:
        half = len(positions) // 2
        move(writer, block, positions[:half], targets)
        writer._producer._producer.flush(60)
        if half:  # or what is torn holds no record
            tearing.reached(STEPS[1])
        move(writer, block, positions[half:], targets)

    for name, torn in (("__init__", torn_made), ("move", torn_move)):
        setattr(MoveWriter, name, torn)


def main() -> int:
    """Move until told to stop, or until it can't go on."""
    settings = load_settings()
    configure_logging(settings.log_level)
    ensure_topics(settings, ("input", "keyed", "moved"))
    if os.environ.get("TORN_STEP"):
        tear(Tearing(STEPS[0], settings.bootstrap_servers, transactional_id(settings)))
    pulse = Pulse("moving", 30.0)
    with (
        stop_on_signals() as stop,
        moving_beside(settings, CollectorRegistry(), pulse, lambda: None) as goes_on,
    ):
        while not stop.requested:
            goes_on()
            time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
