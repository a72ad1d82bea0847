"""The keys file: who has a key, what it allows and until when. Of the keys themselves it holds hashes alone.

keys:
  grafana:
    hash: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    scopes: [read]
    created: 2026-11-26T12:00:00Z
    expires: 2027-11-26
"""

import hmac
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from billing.access.fields import Fields
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, is_key
from billing.access.strict_yaml import read_text_yaml
from billing.event_time import parse_limit
from billing.period import format_timestamp

HEADER = "# The keys of Queryable Billing, as hashes. `qb keys` writes this file, without other comments.\n"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
# Of a hash: enough to find the one that is then compared.
_FOUND_BY = 16


@dataclass(frozen=True)
class Key:
    """One key.

    Args:
        hash: of the key, as :func:`billing.access.secret_key.hash_of` has it.
        principal: who has it; the name is the key's.
        created_ms: when it was made; None if nobody has written it down.
        expires_ms: from when on it is not taken any more; None: never.
    """

    hash: str
    principal: Principal
    created_ms: int | None = None
    expires_ms: int | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.principal.name

    def is_expired(self, now_ms: int) -> bool:
        """Say whether its time is over."""
        return self.expires_ms is not None and now_ms >= self.expires_ms


class Keys:
    """The keys of a deployment.

    Args:
        keys: of different names and hashes.
    """

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.by_name = {key.name: key for key in keys}
        self._by_hash: defaultdict[str, list[Key]] = defaultdict(list)
        for key in self.by_name.values():
            self._by_hash[key.hash[:_FOUND_BY]].append(key)

    def owner(self, text: str, now_ms: int) -> Principal | None:
        """Return who has a key; None if it is none of these, or its time is over.

        The time that this takes tells nothing of a key: the hash is compared as a whole, and nobody can choose the
        beginning that finds it.
        """
        if not is_key(text):
            return None
        shown = hash_of(text)
        for key in self._by_hash.get(shown[:_FOUND_BY], ()):
            if hmac.compare_digest(key.hash, shown) and not key.is_expired(now_ms):
                return key.principal
        return None


def check_name(name: str) -> str:
    """Return the name of a key if it can be one.

    Raises:
        ValueError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is no name of a key: up to 64 letters, digits and . _ @ -")
    return name


def parse_keys(text: str) -> Keys:
    """Return the keys of a keys file.

    Raises:
        ValueError: it is none; the message says where, in one line, and repeats no hash.
    """
    document = read_text_yaml(text)
    whole = Fields("", document)
    whole.inner("keys")
    whole.refuse_others()
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = [_key(check_name(name), content) for name, content in (entries or {}).items()]
    _refuse_twice(keys)
    return Keys(keys)


def format_keys(keys: Keys) -> str:
    """Return the text of a keys file, which :func:`parse_keys` reads back."""
    entries = {key.name: _entry(key) for key in keys.by_name.values()}
    # YAML folds some letters that cannot be seen; escaped they stay what they are.
    readable = all(scope.isprintable() for key in keys.by_name.values() for scope in scopes_of(key.principal))
    return HEADER + yaml.safe_dump({"keys": entries}, sort_keys=False, allow_unicode=readable, width=1_000)


def scopes_of(who: Principal) -> list[str]:
    """Return scopes as they are written."""
    return [*sorted(scope.value for scope in who.scopes), *(f"customer:{name}" for name in sorted(who.customers))]


def _key(name: str, content: object) -> Key:
    fields = Fields(f"keys: {name}", content)
    digest, created, expires = fields.text("hash"), fields.text("created"), fields.text("expires")
    principal = _principal(name, fields)
    fields.refuse_others()
    where = f"keys: {name}"
    if not _HASH.fullmatch(digest):
        raise ValueError(f"{where}: hash: expected sha256: and 64 digits of 0-9 and a-f")
    return Key(digest, principal, _time(where, "created", created), _time(where, "expires", expires))


def _principal(name: str, fields: Fields) -> Principal:
    try:
        scopes = fields.texts("scopes")
    except ValueError as error:
        raise ValueError(f"{error}; quote those with a space or a colon: ['customer:NAME']") from None
    if not scopes:
        raise ValueError(f"keys: {name}: scopes: expected a list of at least one, such as [read]")
    try:
        return Principal.of(name, scopes)
    except ValueError as error:
        raise ValueError(f"keys: {name}: scopes: {error}") from None


def _time(where: str, name: str, text: str) -> int | None:
    try:
        return parse_limit(text) if text else None
    except ValueError as error:
        raise ValueError(f"{where}: {name}: {error}; write a date or an RFC 3339 time") from None


def _refuse_twice(keys: Iterable[Key]) -> None:
    owners: dict[str, str] = {}
    for key in keys:
        other = owners.setdefault(key.hash, key.name)
        if other != key.name:
            raise ValueError(f"keys: {key.name}: hash: {other} has the same")


def _entry(key: Key) -> Mapping[str, object]:
    entry: dict[str, object] = {"hash": key.hash, "scopes": scopes_of(key.principal)}
    if key.created_ms is not None:
        entry["created"] = format_timestamp(key.created_ms)
    if key.expires_ms is not None:
        entry["expires"] = format_timestamp(key.expires_ms)
    return entry
