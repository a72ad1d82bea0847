"""`qb keys add|list|revoke`: the keys file, without an editor and without a secret in it."""

import argparse
import json
import sys
from pathlib import Path

from billing.access.keys import Key, check_name, scopes_of
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, new_key
from billing.clock import SystemClock
from billing.errors import OperatorError
from billing.event_time import parse_limit
from billing.period import format_timestamp
from billing.runtime.access.keys_editing import KeysEditor
from billing.runtime.access.keys_file import read_keys
from billing.settings import Settings

_SECOND_MS = 1_000
_DAY_MS = 86_400_000


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Do what is asked and return 0.

    Raises:
        OperatorError: something that is asked makes no sense, or the file cannot be read or written.
    """
    if not settings.keys_file:
        raise OperatorError("no keys file is set: name it by --keys-file, QB_KEYS_FILE or keys_file; add makes it")
    path = Path(settings.keys_file)
    if arguments.action == "list":
        _refuse(arguments, "name", "scope", "expires", "days")
        _list(path, as_json=arguments.json)
        return 0
    if arguments.name is None:
        raise OperatorError(f"whose key? name it: qb keys {arguments.action} NAME")
    if arguments.action == "add":
        _add(path, arguments)
    else:
        _refuse(arguments, "scope", "expires", "days")
        KeysEditor(path).remove(arguments.name)
        print(f"{arguments.name} is revoked: what runs takes it for some two seconds more", file=sys.stderr)
    return 0


def _add(path: Path, arguments: argparse.Namespace) -> None:
    now_ms = SystemClock().now_ms() // _SECOND_MS * _SECOND_MS
    try:
        who = Principal.of(check_name(arguments.name), arguments.scope or ())
        expires_ms = _expires_ms(arguments, now_ms)
    except ValueError as error:
        raise OperatorError(str(error)) from None
    if not arguments.scope:
        raise OperatorError("say what the key allows: --scope admin, read, metrics or customer:NAME, once for each")
    key = new_key()
    KeysEditor(path).add(Key(hash_of(key), who, now_ms, expires_ms))
    until = "never expires" if expires_ms is None else f"expires at {format_timestamp(expires_ms)}"
    print(f"{who.name} may: {', '.join(scopes_of(who))}; it {until}.", file=sys.stderr)
    print("This is the only time that the key is shown:", file=sys.stderr, flush=True)
    print(key)


def _expires_ms(arguments: argparse.Namespace, now_ms: int) -> int | None:
    if arguments.days is not None and arguments.expires is not None:
        raise ValueError("give --days or --expires, not both")
    if arguments.days is not None:
        if not 0 < arguments.days <= 36_500:
            raise ValueError(f"--days {arguments.days:g} is not above 0 and at most 36500")
        return now_ms + max(_SECOND_MS, int(arguments.days * _DAY_MS) // _SECOND_MS * _SECOND_MS)
    if arguments.expires is None:
        return None
    expires_ms = parse_limit(arguments.expires)
    if expires_ms <= now_ms:
        raise ValueError(f"--expires {arguments.expires} is over already")
    return expires_ms


def _list(path: Path, as_json: bool) -> None:
    now_ms = SystemClock().now_ms()
    keys = list(read_keys(path).by_name.values())
    if as_json:
        print(json.dumps([_document(key, now_ms) for key in keys], indent=2, ensure_ascii=False))
        return
    rows = [("NAME", "STATE", "CREATED", "EXPIRES", "SCOPES"), *(_row(key, now_ms) for key in keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        print("  ".join([*map(str.ljust, row, widths), row[-1]]))


def _row(key: Key, now_ms: int) -> tuple[str, ...]:
    created, expires = _time(key.created_ms) or "unknown", _time(key.expires_ms) or "never"
    return key.name, _state(key, now_ms), created, expires, ", ".join(scopes_of(key.principal))


def _document(key: Key, now_ms: int) -> dict[str, object]:
    return {
        "name": key.name,
        "state": _state(key, now_ms),
        "created": _time(key.created_ms),
        "expires": _time(key.expires_ms),
        "scopes": scopes_of(key.principal),
    }


def _state(key: Key, now_ms: int) -> str:
    return "expired" if key.is_expired(now_ms) else "valid"


def _time(timestamp_ms: int | None) -> str | None:
    return None if timestamp_ms is None else format_timestamp(timestamp_ms)


def _refuse(arguments: argparse.Namespace, *names: str) -> None:
    """Refuse what is not for this action: ignored, it would look as if it had been done."""
    for name in names:
        if getattr(arguments, name) is not None:
            shown = name if name == "name" else f"--{name}"
            raise OperatorError(f"qb keys {arguments.action} takes no {shown}")
