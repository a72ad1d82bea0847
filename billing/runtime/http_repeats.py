"""Answers a request that came before, to the byte, with what it was answered with, for as long as that is true.

Dashboards and programs ask the same again and again. Such a request needs no reading and no endpoint: what is sent is
what was sent before. An answer is remembered only where its endpoint has said what state it is of, and for that state
alone; a second later it would have another date.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import HttpVersion11, web

# Of answers with their requests.
MOST_BYTES = 16 * 1024 * 1024
# Longer requests are read each time.
LONGEST_REQUEST_BYTES = 2_048
_LONGEST_ANSWER_BYTES = 65_536
_END = b"\r\n\r\n"
# In a request with these, what follows belongs to it, or the connection does not go on.
_MORE_THAN_A_HEAD = (b"\ncontent-length", b"\ntransfer-encoding", b"\nupgrade", b"\nexpect", b"\nconnection")

STATE = web.RequestKey("state", int)
"""Set by an endpoint whose answer follows from the request and a state alone: the number of that state."""

ROUTE = web.RequestKey("route", str)
"""Set with it: what the answer is counted as."""

# The state that is shown and whatever else answers depend on.
Truth = tuple[int, object]


def is_whole_get(data: bytes) -> bool:
    """Say whether bytes are one GET from its first byte to its last, with nothing behind it."""
    if not data.startswith(b"GET ") or len(data) > LONGEST_REQUEST_BYTES or data.find(_END) != len(data) - len(_END):
        return False
    lower = data.lower()
    return not any(name in lower for name in _MORE_THAN_A_HEAD)


@dataclass
class Repeats:
    """Remembers answers of one state at a time. It is used by the event loop alone.

    Args:
        truth: returns what answers depend on besides the request; None while they depend on who asks, or are counted.
        note: called with the route, as :data:`ROUTE` names it, of each answer that is given again.
    """

    truth: Callable[[], Truth | None]
    note: Callable[[str], None] = lambda _: None
    _of: tuple[Truth, int] | None = field(default=None, init=False)
    _known: dict[bytes, tuple[bytes, str]] = field(default_factory=dict, init=False)
    _bytes: int = field(default=0, init=False)

    def find(self, asked: bytes) -> bytes | None:
        """Return the whole answer that a request got, None if there is none that is still true."""
        found = self._known.get(asked)
        if found is None or self._now() != self._of:
            return None
        self.note(found[1])
        return found[0]

    def remember(self, asked: bytes, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Keep an answer that was sent, if it may be given again.

        Args:
            asked: the bytes of the request, for which :func:`is_whole_get` holds.
            request: the same.
            response: what was sent.
        """
        of, answer = self._now(), _answer_of(request, response)
        if of is None or answer is None or of[0][0] != request.get(STATE):
            return
        if of != self._of or self._bytes > MOST_BYTES:
            self._of, self._known, self._bytes = of, {}, 0
        self._known[asked] = answer, request[ROUTE]
        self._bytes += len(asked) + len(answer)

    def _now(self) -> tuple[Truth, int] | None:
        truth = self.truth()
        return None if truth is None else (truth, int(time.time()))


def _answer_of(request: web.BaseRequest, response: web.StreamResponse) -> bytes | None:
    """Return an answer as it was sent, None if it is not a plain one on a connection that goes on."""
    if not isinstance(response, web.Response) or response.status != 200 or not isinstance(response.body, bytes):
        return None
    goes_on = request.version == HttpVersion11 and request.keep_alive
    if not goes_on or len(response.body) > _LONGEST_ANSWER_BYTES:
        return None
    if response.headers.get("Content-Length") != str(len(response.body)) or "Connection" in response.headers:
        return None
    lines = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items()])
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + response.body
