"""The kernel that reads records where they lie says what the exact decoding says, or leaves them to it."""

import random
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.runtime.topic_reader import Record
from billing.subtotal import CustomerMonthKey, RecordError, encode_key, encode_sums
from billing.sums import TypeTable
from exporter.kernel.parse import OLD, PLAIN, REST
from exporter.model.cube import Cube
from exporter.model.decoding import decode
from exporter.model.packing import sums_at
from exporter.model.parsing import Parser
from exporter.model.received import JoinedRecords
from tests.examples import examples

TYPES = ("CALL", "DATA", "CA", "Größe", "MISC")
printable = st.text(max_size=30).filter(lambda name: name.isprintable())
names = printable | st.sampled_from(["Zoë", "日本電信", "a|b", "\U0001f4b6"])
sums = st.dictionaries(
    st.sampled_from(TYPES), st.tuples(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(1, 2**32 - 1)), min_size=1
)
keys = st.builds(CustomerMonthKey, st.integers(0, 999), st.sampled_from(["2017-01", "2026-12"]), names)


def parsed_and_decoded(pairs: Sequence[tuple[bytes, bytes | None]]) -> list[tuple[object, object]]:
    """Return of each record what the kernel says, REST for what it leaves, and what the exact decoding says."""
    cube, types = Cube(TypeTable(TYPES)), TypeTable(TYPES)
    records = [Record(0, offset, key, value, 0) for offset, (key, value) in enumerate(pairs)]
    block = JoinedRecords(records)
    parsed = Parser(cube).parse(block)
    told: list[tuple[object, object]] = []
    for at, record in enumerate(records):
        said: object = int(parsed.kinds[at])
        if said == PLAIN:
            name, month = cube.all_names.text(int(parsed.codes[at])), cube.numbers.name(int(parsed.months[at]))
            said = CustomerMonthKey(int(parsed.inputs[at]), month, name), sums_at(parsed, at)
        told.append((said, _decoded(record, types)))
    return told


def _decoded(record: Record, types: TypeTable) -> object:
    try:
        key, value = decode(record, types)
    except RecordError:
        return None
    return key, value[: 2 * len(TYPES)] if isinstance(value, tuple) else value


@settings(max_examples=examples(300))
@given(records=st.lists(st.tuples(keys, sums), max_size=30))
def test_what_the_processor_writes_is_read(records: list[tuple[CustomerMonthKey, dict[str, tuple[int, int]]]]) -> None:
    """All of it, but for a customer without a name, and it says what the exact decoding says."""
    for said, decoded in parsed_and_decoded([(encode_key(key), encode_sums(value)) for key, value in records]):
        assert said == decoded or (said == REST and isinstance(decoded, tuple) and not decoded[0].customer)


@settings(max_examples=examples(500))
@given(key=keys, value=sums, seed=st.integers(0, 2**32))
def test_what_is_nearly_so_is_read_alike_or_left(
    key: CustomerMonthKey, value: dict[str, tuple[int, int]], seed: int
) -> None:
    """Bytes changed, left out, doubled, cut off: what the kernel takes is what the exact decoding makes of it."""
    rng = random.Random(seed)
    pairs = [(mutated(encode_key(key), rng), mutated(encode_sums(value), rng)) for _ in range(50)]
    for said, decoded in parsed_and_decoded([*pairs, (encode_key(key), None)]):
        assert said in (REST, decoded)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Bytes that differ in few places, or not at all."""
    changed = bytearray(data)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        at = rng.randrange(len(changed)) if changed else 0
        match rng.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([rng.choice(b'0123456789-+.eE"\\{}[],:| \x00\xff\x80\xc3')])
            case 1:
                del changed[at : at + rng.randint(1, 3)]
            case 2:
                changed[at:at] = changed[at : at + rng.randint(1, 8)]
            case _:
                del changed[at:]
    return bytes(changed)


@settings(max_examples=examples(50))
@given(count=st.integers(1, 4_000), seed=st.integers(0, 99))
def test_names_have_their_codes_however_many_there_are(count: int, seed: int) -> None:
    """The same name has the same code, also after all tables have grown."""
    rng = random.Random(seed)
    numbers = [rng.randrange(count) for _ in range(count)]
    pairs = [(encode_key(CustomerMonthKey(0, "2017-01", f"c{n}")), encode_sums({"CALL": (n, 1)})) for n in numbers]
    for (said, decoded), number in zip(parsed_and_decoded(pairs), numbers, strict=True):
        assert said == decoded
        assert isinstance(said, tuple)
        assert said[0].customer == f"c{number}"


def test_what_was_read_before_is_old() -> None:
    """A partition is read on from where it was."""
    parser = Parser(Cube(TypeTable(TYPES)))
    pair = encode_key(CustomerMonthKey(0, "2017-01", "a")), encode_sums({"CALL": (1, 1)})
    for partition, offset, kind in ((0, 5, PLAIN), (0, 5, OLD), (0, 4, OLD), (3, 0, PLAIN), (0, 9, PLAIN)):
        assert parser.parse(JoinedRecords([Record(partition, offset, *pair, 0)])).kinds.tolist() == [kind]
    assert parser.parse(JoinedRecords([])).kinds.tolist() == np.zeros(0).tolist()
