"""A customer has one partition of the keyed topic, however a record is written: the one that Kafka's clients choose."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.event import EventRejectedError, EventRules, customer_of, decode_record
from billing.runtime.native.block import RecordBlock, joined, joined_if_any
from processor.kernel.keyed import place_names
from processor.moving.placing import Placing

NOW_MS = 1_500_000_000_000
RULES = EventRules()
PARTITIONS = 64
# The hashes that Kafka's own test of its hash expects.
KNOWN = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


class Block(RecordBlock):
    """Records of which only the values matter, of one source partition."""

    def __init__(self, values: list[bytes | None], partition: int = 0) -> None:
        self._buffer, addresses, lengths = joined_if_any(values)
        same, none = np.full(len(values), partition, np.int64), np.full(len(values), -1, np.int64)
        super().__init__(np.stack([same, np.arange(len(values)), addresses, lengths, none, none]))


def partition_of(name: str, partitions: int = PARTITIONS) -> int:
    found = np.empty(1, np.int64)
    buffer, addresses, lengths = joined([name.encode()])
    place_names(addresses, lengths, partitions, found)
    del buffer
    return int(found[0])


@pytest.mark.parametrize("name", KNOWN)
def test_the_hash_is_kafka_s(name: str) -> None:
    """Modulo a number as large as the hash gets, the partition is the hash itself."""
    assert partition_of(name, 2**31) == KNOWN[name] & 0x7FFFFFFF


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=60))
def test_every_form_of_a_record_goes_to_the_customer_s_partition(name: str) -> None:
    """Plain and quoted CSV, JSON with and without escapes, a void, and events that nobody will bill."""
    plain, quoted = name.replace('"', ""), '"' + name.replace('"', '""') + '"'
    forms = [
        json.dumps({"timestamp": 1488142855, "customer": name, "amount": "1"}),
        json.dumps({"timestamp": 1488142855, "customer": name, "amount": "1"}, ensure_ascii=False),
        json.dumps({"void": "A1", "customer": name}),
        json.dumps({"replace": "A1", "timestamp": 1488142855, "customer": name, "amount": 2}),
        json.dumps({"customer": name}),
        f"1488142855,{quoted},1",
        f"1488142855,{quoted},1,NO_SUCH_TYPE,id",
        f"99999999999999,{quoted},1",
        f"never,{quoted},1.23456789",
    ]
    targets = Placing(RULES, PARTITIONS).targets(Block([form.encode() for form in forms], partition=3))
    assert set(targets.tolist()) == {partition_of(name)}
    if "," not in plain and plain.strip() == plain != "":
        (target,) = Placing(RULES, PARTITIONS).targets(Block([f"1488142855,{plain},1".encode()])).tolist()
        assert target == partition_of(plain)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xfe",
        b"x,y",
        b"{",
        b"[]",
        b'{"customer": " spaces "}',
        b"1,,1",
        b"1,a,1\n2,b,2",
        b"1," + b"a" * 20_000,
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_names_nobody_goes_where_its_source_partition_says(value: bytes | None) -> None:
    """It is moved like any other, and rejected where it is counted."""
    assert Placing(RULES, 8).targets(Block([value], partition=11)).tolist() == [3]


FIELDS = st.one_of(
    st.text(max_size=8), st.integers(), st.none(), st.booleans(), st.sampled_from(["A", "Zoë", "CALL", "1"])
)


@given(
    st.one_of(
        st.binary(max_size=40),
        st.text(alphabet='0123456789,"\n\r\t {}aé', max_size=40).map(str.encode),
        st.dictionaries(st.sampled_from(["timestamp", "customer", "amount", "type", "id", "void", "replace"]), FIELDS)
        .map(lambda fields: json.dumps(fields).encode()),
        st.tuples(st.just("1488142855"), st.text(max_size=10), st.just("1")).map(lambda row: ",".join(row).encode()),
    )
)  # fmt: skip
def test_who_is_billed_is_who_a_record_is_placed_by(payload: bytes) -> None:
    """Wherever the rules accept a record, its customer is found by its bytes alone."""
    try:
        record = decode_record(payload, RULES, NOW_MS)
    except EventRejectedError:
        customer_of(payload)
    else:
        assert customer_of(payload) == record.customer
