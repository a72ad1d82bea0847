"""Records that nobody wrote by hand: seeds with bytes changed, and events spelled in any way that their form allows."""

import json
from collections.abc import Sequence
from random import Random

_INSERTED = [
    *(b"", b"0", b"1", b"9", b".", b",", b'"', b"-", b"+", b" ", b"\n", b"\r", b"\t", b"\x00", b"\x7f", b"\x85"),
    *(
        b"{",
        b"}",
        b":",
        b"e",
        b"_",
        b"\xff",
        b"\xc3",
        b"\xe2\x80",
        b"\xed\xa0\x80",
        b"Z",
        b"T",
        b"DATA",
        b"\\",
        b"\\u0041",
    ),
    *(text.encode() for text in ("\u2028", "\u00a0", "\u3000", "\u017f", "\U0001f600")),
]
# The first few of each are those that most events have.
_TIMES = [
    *("1488142855", "1488142855123", "0001488142855", "1488142855.5", "1490086400", "1490086401", "0", "99999999999"),
    *("100000000000", "99999999999999", "100000000000000", "1e9", "", "2017-02-26T22:00:55+01:00", "-1", "+1488142855"),
]
_CUSTOMERS = [
    *(
        "Charlie",
        "Zo\u00eb",
        "\u5c71\u7530\u3000\u592a\u90ce",
        "a b",
        "\u00a0x",
        "x ",
        "",
        "x" * 200,
        "\u00e9" * 100,
        "\u00e9" * 101,
    ),
    *("\u00e9" * 201, "a\u2028b", "\U0001f600" * 50, "\U0001f600" * 51, "a|b", "a\\b", "\x85", "7", "\ufeffa", "a\x7f"),
]
_AMOUNTS = [
    *("199.99", "0", "-5.25", "0.000001", "-0", "+5", "1.1234567", "1.1000000", "999999999999.999999", "1000000000000"),
    *("007", ".5", "5.", "1e3", "1_0", "", "-", "00000000000001", "NaN"),
]
_TYPES = ["DATA", "", "data", "Call", "MISC", "FAX", "DATA ", "MESSAGEMESSAGEMESSAGE", "\u017f", "\x00"]
_IDS = ["id-1", "", " id ", "\u00e9" * 100, "x" * 200, "x" * 201, "a\u2028b", "a,b", "\x01"]
_SPACES = ["", "", "", "", "", " ", "\n", "\t ", "\r\n"]
_ORDINARY = 4


def _pick(random: Random, values: Sequence[str]) -> str:
    return random.choice(values[:_ORDINARY] if random.random() < 0.8 else values)


def mutate(random: Random, record: bytes) -> bytes:
    """Return a record with one to three bytes changed, put in or taken out."""
    changed = bytearray(record)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(changed) + 1)
        changed[at : at + random.randrange(2)] = random.choice(_INSERTED)
    return bytes(changed)


def any_csv(random: Random) -> bytes:
    """Return a line whose fields are mostly of the right kind."""
    fields = [_pick(random, each) for each in (_TIMES, _CUSTOMERS, _AMOUNTS, _TYPES, _IDS)]
    line = ",".join(fields[: random.choice([3, 4, 4, 5, 5, 2])])
    return (random.choice(["", "", "", "\n", " "]) + line + random.choice(["", "", "", "\r\n", " "])).encode()


def any_json(random: Random) -> bytes:
    """Return an object whose fields are mostly known, in any order, spelled in any way."""
    values = {"timestamp": _TIMES, "customer": _CUSTOMERS, "amount": _AMOUNTS, "type": _TYPES, "id": _IDS}
    names = random.sample(list(values), random.choice([3, 4, 5, 5]))
    names += random.sample(["timestamp", "note", "Customer", "typ", "id\x00", ""], 1) if random.random() < 0.15 else []

    def space() -> str:
        return random.choice(_SPACES) if random.random() < 0.998 else "\x0b"

    fields = [
        f"{space()}{json.dumps(name)}{space()}:{space()}{_json_value(random, values.get(name, _IDS))}{space()}"
        for name in names
    ]
    text = f"{space()}{{{','.join(fields)}{random.choice([''] * 20 + [','])}}}{space()}"
    return text.encode()


def _json_value(random: Random, values: Sequence[str]) -> str:
    value, way = _pick(random, values), random.random()
    if way < 0.01:
        return random.choice(["null", "true", "[]", "{}", "1.5e3", '""'])
    if way < 0.04:
        return json.dumps(value)
    is_bare = random.random() < (0.5 if values in (_TIMES, _AMOUNTS) else 0.01)
    return value if is_bare else json.dumps(value, ensure_ascii=False)
