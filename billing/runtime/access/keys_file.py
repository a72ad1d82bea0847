"""The keys file in use: read at the start, and again when it has changed; its keys are taken as `Bearer`."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from billing.access.keys import Keys, parse_keys
from billing.access.principal import Principal
from billing.clock import Clock, SystemClock
from billing.errors import OperatorError
from billing.runtime.logs import get_logger

logger = get_logger(__name__)

# Some ten thousand keys.
MAX_BYTES = 10_000_000

# Of a file: which one it is, how large, and when it was changed; None if it cannot be read.
Stamp = tuple[int, int, int] | None


class KeysFile:
    """A keys file.

    Whoever asks gets what was read last, from memory. A change is taken when the file has stayed the same between two
    looks, so that it is not read while it is being written. One that cannot be used changes nothing.

    Args:
        path: of the file.

    Raises:
        OperatorError: it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.keys, self._used = _read(path)
        self._seen = self._used
        self.is_good = True

    def refresh(self) -> None:
        """Look whether the file has changed, and read it again if so. Not for the event loop: it reads a file."""
        stamp = _stamp(self._path)
        is_settled, self._seen = stamp == self._seen, stamp
        if stamp == self._used or not is_settled:
            return
        try:
            self.keys, self._used = _read(self._path)
        except OperatorError as error:
            self.is_good, self._used = False, stamp
            logger.error("keys file not taken, the keys before stay in use", reason=str(error))
        else:
            self.is_good = True
            logger.info("keys file read again", path=str(self._path), keys=len(self.keys.by_name))


class BearerKeys:
    """Takes keys, see :class:`billing.runtime.access.gate.Authenticator`.

    Args:
        keys: all that are taken now.
        clock: tells which are expired.
    """

    is_on = True
    challenge = 'Bearer realm="billing"'

    def __init__(self, keys: Callable[[], Keys], clock: Clock | None = None) -> None:
        self._keys = keys
        self._clock = clock or SystemClock()

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        """Return who has this key; None if nobody has it, or its time is over."""
        return self._keys().owner(credentials, self._clock.now_ms()) if scheme == "bearer" else None


def show_keys(registry: CollectorRegistry, file: KeysFile | None, clock: Clock | None = None) -> None:
    """Show on `/metrics` whether the keys file, if there is one, is taken as it is, and how many keys are valid."""
    now_ms = (clock or SystemClock()).now_ms
    good = Gauge(
        "billing_access_keys_last_reload_successful",
        "1 unless the keys file has changed into one that cannot be used",
        registry=registry,
    )
    good.set_function(lambda: float(file is None or file.is_good))
    valid = Gauge("billing_access_keys", "Keys of the keys file that are not expired", registry=registry)
    valid.set_function(
        lambda: float(sum(not key.is_expired(now_ms()) for key in file.keys.by_name.values()) if file else 0)
    )


def read_keys(path: Path) -> Keys:
    """Return the keys of a file.

    Raises:
        OperatorError: it cannot be read, or is no keys file.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[Keys, Stamp]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {path} (keys_file): {error.strerror}; `qb keys add` makes one") from None
    if len(body) > MAX_BYTES:
        raise OperatorError(f"{path} (keys_file) has more than {MAX_BYTES} bytes: it is no keys file")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        logger.warning("others may write the keys file, and so give themselves keys: chmod 600 it", path=str(path))
    try:
        return parse_keys(body.decode()), _stamp_of(found)
    except ValueError as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise OperatorError(f"{path} (keys_file): {why}") from None


def _stamp(path: Path) -> Stamp:
    try:
        return _stamp_of(path.stat())
    except OSError:
        return None


def _stamp_of(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_size, found.st_ctime_ns
