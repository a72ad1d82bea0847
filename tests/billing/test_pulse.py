"""Liveness and readiness of a part: what its work and its broker tell."""

from billing.runtime.part_server import HealthCheck
from billing.runtime.pulse import Pulse


class Clock:
    """A monotonic clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_work_is_well_while_it_goes_on() -> None:
    """Not before it has begun, not while it fails, not after it has been silent for too long."""
    clock = Clock()
    pulse = Pulse("closing", 60.0, clock)
    assert pulse.check() == HealthCheck("closing", False, "has not begun yet")
    pulse.beat()
    clock.now += 60
    assert pulse.check() == HealthCheck("closing", True, "goes on")
    clock.now += 1
    assert pulse.check() == HealthCheck("closing", False, "nothing has happened for 61 seconds")
    pulse.fail("the ledger is lost")
    assert pulse.check() == HealthCheck("closing", False, "failed, it is tried again: the ledger is lost")
    pulse.beat()
    assert pulse.check().ok
