"""The ports of the demo, looked at before anything is started."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from billing.errors import OperatorError
from broker.ports import is_free

_LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class PortNeed:
    """A port that a part wants: `flag` chooses another, empty if none does."""

    port: int
    what: str
    flag: str


def require_ports(needs: Iterable[PortNeed], patience_seconds: float = 0.0) -> None:
    """Do nothing if all are free, or become so in time.

    Args:
        needs: the ports.
        patience_seconds: how long to wait for what an earlier demo left to end.

    Raises:
        OperatorError: a port is none, wanted twice, or taken: a line for each says so, and how to choose another.
    """
    wanted: dict[int, PortNeed] = {}
    for need in needs:
        if not 1 <= need.port <= 65_535:
            raise OperatorError(f"port {need.port} for {need.what} is not between 1 and 65535: change {need.flag}")
        if other := wanted.get(need.port):
            raise OperatorError(f"port {need.port} is wanted for {other.what} and {need.what}: change {need.flag}")
        wanted[need.port] = need
    deadline = time.monotonic() + patience_seconds
    while taken := [need for need in wanted.values() if not is_free(need.port)]:
        if time.monotonic() >= deadline:
            raise OperatorError("\n".join(map(_complaint, taken)))
        time.sleep(_LOOK_EVERY_SECONDS)


def _complaint(need: PortNeed) -> str:
    choice = f", or choose another port with {need.flag}" if need.flag else ""
    return f"port {need.port}, which {need.what} needs, is taken: stop what listens there{choice}"
