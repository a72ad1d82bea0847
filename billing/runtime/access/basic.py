"""Lets in the users of a web config file by their passwords."""

import hashlib
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from billing.access.basic import BasicCredentials, parse_basic
from billing.access.principal import Principal, Scope
from billing.runtime.access.password_checks import PasswordChecks

# From the last time that it was shown.
_REMEMBER_SECONDS = 3_600.0
_REMEMBERED_WRONG = 1_000


class BasicAuthenticator:
    """Takes passwords of users, who may see everything, as with every Prometheus exporter.

    A right password is known again for an hour after its last use without bcrypt being asked, and never waits. What is
    kept of it is a hash under a key that is made anew with each process, over the user's bcrypt hash as well: another
    hash in the file, or none, and it is forgotten. Of the wrong ones the last thousand are known again, too.

    A name that is no user's is looked at like a user's: against the hash of one of them, and for as long.

    Args:
        users: the bcrypt hash of each user's password, as the file has them now.
        checks: looks at what is not known yet.
        now: seconds of a clock that never goes back.
    """

    challenge = "Basic"

    def __init__(
        self,
        users: Callable[[], Mapping[str, str]],
        checks: PasswordChecks,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = users
        self._checks = checks
        self._now = now
        self._secret = os.urandom(32)
        self._right: dict[str, tuple[bytes, float]] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()

    @property
    def is_on(self) -> bool:
        """Whether the file names users."""
        return bool(self._users())

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        """Return the user whose password this is; None if it is nobody's.

        Raises:
            TooManyAttemptsError: too many passwords are being looked at already.
        """
        shown = parse_basic(credentials) if scheme == "basic" else None
        if shown is None:
            return None
        users = self._users()
        password_hash = users.get(shown.user) or self._stand_in(shown.user, users)
        key = self._digest(shown.user.encode(), password_hash.encode(), shown.password)
        if self._is_remembered(shown.user, key):
            return Principal(shown.user, frozenset({Scope.ADMIN}))
        if key in self._wrong:
            return None
        right = await self._checks.check(key, address, shown.password, password_hash)
        return self._judged(shown, key, right and users.get(shown.user) == password_hash)

    def _judged(self, shown: BasicCredentials, key: bytes, right: bool) -> Principal | None:
        if right:
            self._right[shown.user] = key, self._now() + _REMEMBER_SECONDS
            return Principal(shown.user, frozenset({Scope.ADMIN}))
        self._wrong[key] = None
        if len(self._wrong) > _REMEMBERED_WRONG:
            self._wrong.popitem(last=False)
        return None

    def _is_remembered(self, user: str, key: bytes) -> bool:
        known, until = self._right.get(user, (b"", 0.0))
        now = self._now()
        if not hmac.compare_digest(known, key) or now > until:
            return False
        self._right[user] = known, now + _REMEMBER_SECONDS
        return True

    def _stand_in(self, user: str, users: Mapping[str, str]) -> str:
        """Return the hash that a name which is no user's is looked at against: always the same one's."""
        hashes = sorted(users.values())
        return hashes[int.from_bytes(self._digest(user.encode())[:8], "big") % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hashlib.blake2b(framed, key=self._secret, digest_size=32).digest()
