"""Ports that are given out once, to whoever asks for them at the same time."""

import subprocess
import sys

import pytest

from broker import ports

_ASK = """
import sys
from broker import ports
ports._FIRST_PORT, ports._LAST_PORT = map(int, sys.argv[1:])
given = []
try:
    while True:
        given.append(ports.free_port())
except ports.BrokerError:
    print(*given, flush=True)
sys.stdin.read()
"""


def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is given a port that was given and is not listened on yet: not here, and not in another process."""
    first = ports.free_port(40)
    monkeypatch.setattr(ports, "_claimed", set())
    monkeypatch.setattr(ports, "_FIRST_PORT", first)
    monkeypatch.setattr(ports, "_LAST_PORT", first + 40)
    arguments = [sys.executable, "-c", _ASK, str(first), str(first + 40)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        given, _ = other.communicate("", 60)
    assert given.split() == []
    mine = {ports.free_port() for _ in range(20)}
    assert len(mine) == 20
