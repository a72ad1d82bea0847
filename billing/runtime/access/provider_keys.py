"""The keys of an identity provider: read in a thread, read again in time, and kept while the provider is away."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from billing.access.key_times import KeyTimes
from billing.access.token_keys import KeySet, parse_jwks
from billing.runtime.access.key_source import KeySource, SourceError
from billing.runtime.logs import get_logger

logger = get_logger(__name__)


@dataclass(frozen=True)
class ReadKeys:
    """Keys in use.

    Args:
        text: as they were read.
        keys: that it holds.
        at: when it was read last, by the clock of :class:`ProviderKeys`.
    """

    text: str
    keys: KeySet
    at: float


class ProviderKeys:
    """Holds the keys of a provider.

    Args:
        source: where they come from.
        times: when to read them again.
        registry: of the part's metrics.
        clock: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        source: KeySource,
        times: KeyTimes,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._times, self._clock = source, times, clock
        self._metrics = _Metrics(registry)
        self._lock = threading.Lock()
        self._reading: Future[None] | None = None
        self._tried: float | None = None
        self._read: ReadKeys | None = None
        self._told = ""

    @property
    def newest(self) -> KeySet | None:
        """The keys; None if none were read, or too long ago. The same object until others come."""
        read = self._read
        return None if read is None or self._times.is_too_old(self._clock(), read.at) else read.keys

    def refresh(self) -> None:
        """Begin to read the keys again if it is time to; returns at once."""
        self._begin(self._times.is_due)

    def ask(self) -> Future[None] | None:
        """Begin to read the keys because a token needs another one.

        Returns:
            What is done once they are read, or could not be; None if they were read too lately to try again.
        """
        return self._begin(lambda now, tried, _: self._times.may_try(now, tried))

    def read_now(self) -> None:
        """Read the keys, and wait for it.

        Raises:
            SourceError: they can't be read.
            ValueError: what was read is no key set.
        """
        self._tried = self._clock()
        self._take(self._source.read())

    def _begin(self, is_time: Callable[[float, float | None, float | None], bool]) -> Future[None] | None:
        with self._lock:
            if self._reading is not None:
                return self._reading
            now, read = self._clock(), self._read
            if not is_time(now, self._tried, read.at if read else None):
                return None
            self._tried, self._reading = now, Future()
            threading.Thread(target=self._try, args=(self._reading,), name="token-keys", daemon=True).start()
            return self._reading

    def _try(self, reading: Future[None]) -> None:
        try:
            self._take(self._source.read())
        except (SourceError, ValueError) as error:
            self._tell_failure(str(error))
        except Exception:
            logger.exception("keys of the identity provider not read")
            self._metrics.failures.inc()
        finally:
            with self._lock:
                self._reading = None
            reading.set_result(None)

    def _take(self, text: str) -> None:
        before = self._read
        is_same = before is not None and before.text == text
        keys = before.keys if before is not None and is_same else parse_jwks(text)
        self._read = ReadKeys(text, keys, self._clock())
        self._metrics.took(len(keys.keys))
        if not is_same or self._told:
            logger.info("keys of the identity provider read", keys=len(keys.keys), left_out=keys.left_out)
        self._told = ""

    def _tell_failure(self, error: str) -> None:
        """Log a failure; once, if the next one is the same."""
        self._metrics.failures.inc()
        if error != self._told:
            logger.warning(
                "keys of the identity provider not read",
                error=error,
                keys_in_use=0 if (keys := self.newest) is None else len(keys.keys),
                kept_seconds=self._times.keep_seconds,
            )
        self._told = error


class _Metrics:
    """How the reading of keys goes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._keys = Gauge("billing_token_keys", "Keys of the identity provider in use", registry=registry)
        self._read_at = Gauge(
            "billing_token_keys_read_timestamp_seconds",
            "When the keys of the identity provider were read last; 0: never",
            registry=registry,
        )
        self.failures = Counter(
            "billing_token_keys_failures",
            "Tries to read the keys of the identity provider that failed",
            registry=registry,
        )

    def took(self, keys: int) -> None:
        """Note that keys were read."""
        self._keys.set(keys)
        self._read_at.set(time.time())
