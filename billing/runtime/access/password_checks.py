"""Checks passwords against bcrypt's hashes: one at a time, in a thread, and in an order that is fair.

A check takes a core for a tenth of a second or more, on purpose. So it never runs in the event loop, whoever sends
wrong passwords gets one core at most, and :class:`billing.access.waiting_line.WaitingLine` says who is next.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import bcrypt

from billing.access.basic import network_of
from billing.access.waiting_line import WaitingLine
from billing.runtime.access.gate import TooManyAttemptsError

# How many may wait: the last of them for some seconds. A quarter of the connections that a part takes, so that those
# who wait leave room for others.
_ROOM = 16
# For a client that asks again after a minute, at some hundred wrong passwords a second: 4 MB at most.
_REMEMBERED = 20_000
_RETRY_AFTER_SECONDS = 1
# bcrypt takes no more of a password into account.
_MOST_BYTES = 72


def is_right(password: bytes, password_hash: str) -> bool:
    """Return whether a password is that of a hash; takes a core for as long as the hash's cost says."""
    return bcrypt.checkpw(password[:_MOST_BYTES], password_hash.encode())


@dataclass(frozen=True)
class _Asked:
    """Credentials that wait or are being looked at, and what comes of it."""

    answer: asyncio.Future[bool]
    password: bytes = field(repr=False)
    password_hash: str = field(repr=False)


class PasswordChecks:
    """Checks passwords. Used from one event loop.

    Args:
        check: takes a password and a hash, and returns whether they belong together; called in a thread.
        room: how many may wait.
    """

    def __init__(self, check: Callable[[bytes, str], bool] = is_right, room: int = _ROOM) -> None:
        self._check = check
        self._line = WaitingLine(room, _REMEMBERED)
        self._asked: dict[bytes, _Asked] = {}
        self._is_busy = False

    async def check(self, key: bytes, address: str, password: bytes, password_hash: str) -> bool:
        """Return whether a password is that of a hash.

        Args:
            key: the same for the same password and hash, and for no others.
            address: where they came from.
            password: as it came.
            password_hash: of bcrypt.

        Raises:
            TooManyAttemptsError: others are looked at first. Whoever asks again gets further.
        """
        self._line.ask(key)
        asked = self._asked.get(key) or self._add(key, network_of(address), password, password_hash)
        # Several may wait for one answer, and one that leaves takes it from none.
        return await asyncio.shield(asked.answer)

    def _add(self, key: bytes, address: str, password: bytes, password_hash: str) -> _Asked:
        asked = self._asked[key] = _Asked(asyncio.get_running_loop().create_future(), password, password_hash)
        if (leaving := self._line.add(key, address)) is not None:
            answer = self._asked.pop(leaving).answer
            answer.set_exception(TooManyAttemptsError(_RETRY_AFTER_SECONDS))
            answer.exception()  # whoever waited for it may have left
        self._start()
        return asked

    def _start(self) -> None:
        """Let the next be looked at, unless one is."""
        if self._is_busy or not len(self._line):
            return
        self._is_busy = True
        key, loop = self._line.take(), asyncio.get_running_loop()
        asked = self._asked[key]

        def work() -> None:
            try:
                right = self._check(asked.password, asked.password_hash)
            except ValueError:
                right = False
            with contextlib.suppress(RuntimeError):  # the server has stopped meanwhile
                loop.call_soon_threadsafe(self._done, key, right)

        # A thread for each: one in the midst of a costly check keeps no process from ending.
        threading.Thread(target=work, name="password-check", daemon=True).start()

    def _done(self, key: bytes, right: bool) -> None:
        self._asked.pop(key).answer.set_result(right)
        self._line.forget(key)
        self._is_busy = False
        self._start()
