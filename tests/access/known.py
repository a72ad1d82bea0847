"""Who asks in tests: people with keys, and somebody who is known by a word."""

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from billing.access.keys import Key, Keys
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, new_key
from billing.runtime.access.gate import Gate
from billing.runtime.access.keys_file import BearerKeys


@dataclass
class KnownWords:
    """Takes words as keys.

    Args:
        scopes: what each word allows.
        is_on: whether they are asked for.
    """

    scopes: dict[str, list[str]] = field(default_factory=dict)
    is_on: bool = True
    challenge: str = 'Bearer realm="billing"'

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        """Return who has this word."""
        if scheme != "bearer" or credentials not in self.scopes:
            return None
        return Principal.of(credentials, self.scopes[credentials])


@dataclass
class KnownPasswords:
    """Takes users and passwords, as `user:password`; who has one of them sees everything."""

    pairs: tuple[str, ...]
    is_on: bool = True
    challenge: str = 'Basic realm="billing", charset="UTF-8"'

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        """Return who has this password."""
        if scheme != "basic" or (pair := b64decode(credentials).decode()) not in self.pairs:
            return None
        return Principal.of(pair.partition(":")[0], ["admin"])


WORDS = {
    "metrics": ["metrics"],
    "charlie": ["customer:Charlie"],
    "alice": ["customer:Alice"],
    "both": ["customer:Alice", "customer:Charlie"],
    "scraping-charlie": ["metrics", "customer:Charlie"],
    "nothing": [],
    "read": ["read"],
    "admin": ["admin"],
}


# The keys of those who are called by these words; some more are not taken, though they allowed everything.
KEYS = {word: new_key() for word in (*WORDS, "expired", "revoked", "stranger")}
_TAKEN = Keys([
    *(Key(hash_of(KEYS[word]), Principal.of(word, scopes)) for word, scopes in WORDS.items()),
    Key(hash_of(KEYS["expired"]), Principal.of("expired", ["admin"]), 0, 1),
])  # fmt: skip


def gate_of_keys() -> Gate:
    """Return a gate that takes the keys of all WORDS."""
    return Gate([BearerKeys(lambda: _TAKEN)])


def bearer(word: str) -> dict[str, Any]:
    """Return the header that shows somebody's key; that of nobody shows the word itself."""
    return {"Authorization": f"Bearer {KEYS.get(word, word)}"}
