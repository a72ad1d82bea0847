"""A deployment in which one customer's name and numbers must never be told to another."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from billing.access.keys import Key, Keys
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, new_key
from billing.runtime.access.gate import Gate
from billing.runtime.access.keys_file import BearerKeys
from tests.exporter.input_log import MadeUpPages
from tests.exporter.world import CHARLIE_MS, DAY_MS, FEBRUARY_MS, World

# Letters that URLs and HTML escape, and begins as the own customer's name does.
OWN, CANARY = "Ann & Söhne/7", "Ann & Söhne/7 Zebrafink"
# What the canary is billed: no sum of the own customer has these digits, and neither have sums of both.
CANARY_MICROS, CANARY_EVENTS = 731_846_291_375, 60_413
KEYS = {
    word: new_key() for word in ("own", "read", "metrics", "admin")
}  # fmt: skip
_SCOPES = {"own": [f"customer:{OWN}"], "read": ["read"], "metrics": ["metrics"], "admin": ["admin"]}


def bearer(word: str) -> dict[str, str]:
    """Return the header that shows somebody's key."""
    return {"Authorization": f"Bearer {KEYS[word]}"}


def world(more: Sequence[bytes] = ()) -> World:
    """Return the deployment: a closed month and an open one, budgets, rejected records, and events to list."""
    keys = Keys(Key(hash_of(KEYS[word]), Principal.of(word, scopes)) for word, scopes in _SCOPES.items())
    log = [(0, b"1488142855,%s,1.5,CALL" % name.encode()) for name in (OWN, CANARY, CANARY, OWN)]
    log += [(0, value) for value in more]
    budgets: list[dict[str, Any]] = [
        {"name": "each", "customer": "*", "amount": "1000"},
        {"name": "zebrafink", "customer": CANARY, "amount": "1000"},
        {"name": "everybody", "amount": "100000"},
    ]
    made = World(gate=Gate([BearerKeys(lambda: keys)]), input_pages=MadeUpPages(log), budgets=budgets)
    for at_ms in (FEBRUARY_MS - DAY_MS, CHARLIE_MS):
        made.event(OWN, 3_000_000, "CALL", at_ms, count=2)
        made.event(CANARY, CANARY_MICROS, "CALL", at_ms, count=CANARY_EVENTS)
    made.committed.reject("malformed", count=5_167)
    made.ready()
    made.close("2017-01", FEBRUARY_MS + DAY_MS)
    return made


def traces(text: str) -> list[str]:
    """Return what a text tells of the canary: its name in any writing, its numbers, and those of all together."""
    lower = text.lower()
    counts = (CANARY_EVENTS, CANARY_EVENTS + 2, 2 * CANARY_EVENTS, 2 * CANARY_EVENTS + 4)
    records = (2 * CANARY_EVENTS + 4 + 5_167,)
    amounts = ("731846", "731849", "1463692", "1463698")
    found = ["zebrafink", quote("Zebrafink").lower(), *amounts, *map(str, counts), *map(str, records)]
    return [one for one in found if one in lower]
