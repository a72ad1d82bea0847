"""How events, voids and replacements are written: the forms on the wire, and within them the spellings."""

import json
from datetime import UTC, datetime, timedelta, timezone
from random import Random

from billing.event import BillableEvent, Void
from billing.local_time import MS_PER_SECOND

_OFFSETS = (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-3, minutes=-30)))


def write_csv(form: str, event: BillableEvent, amount: str) -> bytes:
    """Return an event as CSV: ``csv3`` names no type, ``csv4`` does, ``csv5`` has an id as well."""
    line = f"{_shortest(event.timestamp_ms)},{event.customer},{amount}"
    if form != "csv3":
        line += f",{event.type}"
    if form == "csv5":
        line += f",{event.id}"
    return line.encode()


def write_json(random: Random, event: BillableEvent, amount: str) -> bytes:
    """Return an event as JSON, in one of many spellings; a replacement names what it takes the place of."""
    spelling = random.getrandbits(3)
    timestamp = f'"{_rfc3339(random, event.timestamp_ms)}"' if spelling & 1 else str(_shortest(event.timestamp_ms))
    amount = f'"{amount}"' if spelling & 2 else amount
    type_ = event.type.lower() if spelling & 4 else event.type
    replaced = f',"replace":"{event.replaces}"' if event.replaces else ""
    return (
        f'{{"timestamp":{timestamp},"customer":{json.dumps(event.customer)},"amount":{amount},'
        f'"type":"{type_}","id":"{event.id}"{replaced}}}'
    ).encode()


def write_void(void: Void) -> bytes:
    """Return a void."""
    return json.dumps({"void": void.target, "customer": void.customer, "id": void.id}).encode()


def _shortest(time_ms: int) -> int:
    """Return whole seconds as seconds and anything else as milliseconds."""
    return time_ms if time_ms % MS_PER_SECOND else time_ms // MS_PER_SECOND


def _rfc3339(random: Random, time_ms: int) -> str:
    zone = _OFFSETS[int(random.random() * len(_OFFSETS))]
    moment = datetime.fromtimestamp(time_ms // MS_PER_SECOND, zone)
    return moment.replace(microsecond=time_ms % MS_PER_SECOND * 1_000).isoformat()
