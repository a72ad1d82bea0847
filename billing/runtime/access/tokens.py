"""Bearer tokens that an identity provider has signed, as one kind of credentials."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter

from billing.access.principal import Principal
from billing.access.token_check import check_token
from billing.access.token_keys import KeySet
from billing.access.token_rules import Admitted, TokenRules
from billing.access.token_text import Refusal, RefusedTokenError, looks_like_token
from billing.runtime.access.key_source import TRY_SECONDS
from billing.runtime.access.provider_keys import ProviderKeys
from billing.runtime.logs import get_logger

logger = get_logger(__name__)

_MOST_REMEMBERED = 10_000
# Of lines in the log for one reason: whoever tries many wrong tokens does not fill the disk.
_LOG_PAUSE_SECONDS = 60.0
# What newer keys of the provider may mend.
_MENDED_BY_KEYS = frozenset({Refusal.UNKNOWN_KEY, Refusal.NO_KEYS})


class TokenAuthenticator:
    """Knows whoever has a token of the identity provider.

    A token is verified once and then remembered by its digest until it ends, or until the provider has other keys.

    Args:
        rules: which tokens are taken.
        keys: of the provider.
        registry: of the part's metrics.
        now_seconds: the time since 1970.
    """

    is_on = True
    challenge = 'Bearer realm="billing"'

    def __init__(
        self,
        rules: TokenRules,
        keys: ProviderKeys,
        registry: CollectorRegistry,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._rules, self._keys, self._now_seconds = rules, keys, now_seconds
        self._remembered = _Remembered()
        self._refusals = _Refusals(registry)

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        """Return who has this token; None if it is not taken, or is none."""
        if scheme != "bearer" or not looks_like_token(credentials):
            return None
        try:
            return self._check(credentials)
        except RefusedTokenError as error:
            if error.reason not in _MENDED_BY_KEYS or not await self._newer_keys():
                self._refusals.add(error, self._rules)
                return None
        try:
            return self._check(credentials)
        except RefusedTokenError as error:
            self._refusals.add(error, self._rules)
            return None

    def _check(self, token: str) -> Principal:
        keys, now = self._keys.newest, self._now_seconds()
        if keys is None:
            raise RefusedTokenError(Refusal.NO_KEYS)
        digest = hashlib.sha256(token.encode()).digest()
        admitted = self._remembered.find(digest, keys)
        if admitted is None or admitted.until_seconds <= now:
            admitted = check_token(token, keys, self._rules, now)
            self._remembered.add(digest, admitted)
        return admitted.principal

    async def _newer_keys(self) -> bool:
        """Wait for the provider's keys to be read again; return whether there was anything to wait for."""
        reading = self._keys.ask()
        if reading is None:
            return False
        # Who waits may go away: the reading goes on for the others.
        await asyncio.wait([asyncio.wrap_future(reading)], timeout=TRY_SECONDS + 1)
        return True


class _Remembered:
    """The newest tokens that were verified by the keys in use."""

    def __init__(self) -> None:
        self._keys: KeySet | None = None
        self._admitted: OrderedDict[bytes, Admitted] = OrderedDict()

    def find(self, digest: bytes, keys: KeySet) -> Admitted | None:
        """Return who was admitted by these keys; forgets all that others have verified."""
        if keys is not self._keys:
            self._keys = keys
            self._admitted.clear()
        return self._admitted.get(digest)

    def add(self, digest: bytes, admitted: Admitted) -> None:
        """Remember a token instead of the oldest one."""
        self._admitted[digest] = admitted
        self._admitted.move_to_end(digest)
        if len(self._admitted) > _MOST_REMEMBERED:
            self._admitted.popitem(last=False)


class _Refusals:
    """Counts the tokens that are refused, and says now and then why."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "billing_tokens_refused", "Tokens that were not taken, by reason", ("reason",), registry=registry
        )
        for reason in Refusal:
            self._refused.labels(reason.value)
        self._logged: dict[Refusal, float] = {}

    def add(self, error: RefusedTokenError, rules: TokenRules) -> None:
        """Count a token; the first of a minute for each reason is logged."""
        self._refused.labels(error.reason.value).inc()
        now = time.monotonic()
        if now - self._logged.get(error.reason, -_LOG_PAUSE_SECONDS) < _LOG_PAUSE_SECONDS:
            return
        self._logged[error.reason] = now
        if error.found:
            wanted = rules.issuer if error.reason is Refusal.ISSUER else rules.audience
            logger.warning("token refused", reason=error.reason.value, found=error.found, wanted=wanted)
        else:
            logger.warning("token refused", reason=error.reason.value)
