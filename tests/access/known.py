"""Somebody who is known by a word: what a test sends in place of real credentials."""

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from billing.access.principal import Principal
from billing.runtime.access.gate import Gate


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

    async def authenticate(self, scheme: str, credentials: str) -> Principal | None:
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


def gate_of_words() -> Gate:
    """Return a gate that takes WORDS."""
    return Gate([KnownWords(WORDS)])


def bearer(word: str) -> dict[str, Any]:
    """Return the header that shows a word."""
    return {"Authorization": f"Bearer {word}"}
