"""TCP ports on this machine: is one free, and which ones are."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path

from broker.errors import BrokerError

HOST = "127.0.0.1"
_HOST_IPV6 = "::1"
# Below the range from which operating systems take the ports of outgoing connections (32768 and up on Linux, 49152
# elsewhere), so that a port found free is not taken by one of those before the broker listens on it.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_TRIES = 1_000
_claimed: set[int] = set()


def is_free(port: int) -> bool:
    """Say whether a server could listen on `port` of the loopback addresses now."""
    return _can_bind(HOST, port) and (not has_ipv6() or _can_bind(_HOST_IPV6, port))


@cache
def has_ipv6() -> bool:
    """Say whether this machine has the loopback address of IPv6, which `localhost` may then mean."""
    return socket.has_ipv6 and _can_bind(_HOST_IPV6, 0)


def _can_bind(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As Kafka does it: a port that only waits out its last connections counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError:
        return False
    return True


def free_port(count: int = 1, avoid: Collection[int] = ()) -> int:
    """Return the first of `count` consecutive ports that are free now and not among `avoid`.

    No other call returns one of them while this process lives, in whatever process of this user it is made: between
    the answer and the moment when a broker listens there lie seconds, in which tests that run side by side would be
    given the same port.

    Raises:
        BrokerError: no such ports were found.
    """
    for _ in range(_TRIES):
        first = random.randrange(_FIRST_PORT, _LAST_PORT - count)
        wanted = range(first, first + count)
        if not any(port in avoid for port in wanted) and all(map(is_free, wanted)) and all(map(_claim, wanted)):
            return first
    raise BrokerError(f"found no {count} free ports between {_FIRST_PORT} and {_LAST_PORT}; stop what listens there")


def _claim(port: int) -> bool:
    """Take `port` for this process until it ends; say whether it was still to be had."""
    if port in _claimed:
        return False
    try:
        # A byte of the file for each port: the kernel gives it back when the process ends, however it ends.
        fcntl.lockf(_claims_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _claimed.add(port)
    return True


@cache
def _claims_file() -> int:
    """Return the file whose locked bytes are the ports that processes of this user have been given."""
    path = Path(tempfile.gettempdir()) / f"queryable-billing-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def require_free(port: int) -> None:
    """Do nothing if `port` is free.

    Raises:
        BrokerError: something listens there, or the port is not one that may be used.
    """
    if not 1 <= port <= 65_535:
        raise BrokerError(f"port {port} is not between 1 and 65535; choose another with --port")
    if not is_free(port):
        raise BrokerError(f"port {port} is taken; stop what listens there, or choose another with --port")
