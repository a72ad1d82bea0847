"""The records of the subtotals topic: round trips, and no guessing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    Progress,
    ProgressKey,
    RecordError,
    SubtotalKey,
    SumsEncoder,
    UnknownVersionError,
    decode_key,
    decode_progress,
    decode_sums,
    encode_key,
    encode_progress,
    encode_sums,
)
from billing.sums import TypeTable

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
partitions = st.integers(0, 10_000)
keys: st.SearchStrategy[SubtotalKey] = st.one_of(
    st.builds(CustomerMonthKey, partitions, st.sampled_from(["1969-12", "2017-02", "2199-12"]), names),
    st.builds(HourKey, partitions, st.integers(-3_600_000, 10**13)),
    st.builds(ProgressKey, partitions),
)
with_events = st.tuples(st.integers(), st.integers(1))
sums = st.dictionaries(
    st.from_regex(r"[A-Z][A-Z0-9_]{0,31}", fullmatch=True), st.tuples(st.integers(), st.integers(0)), max_size=8
)
progresses = st.builds(
    Progress,
    next_offset=st.integers(0),
    watermark_ms=st.integers(-1),
    accepted=st.integers(0),
    accepted_micros=st.integers(),
    rejected=st.dictionaries(st.sampled_from(["malformed", "too_large"]), st.integers(0)),
    late=st.integers(0),
    oldest_record_ms=st.integers(-1),
    newest_record_ms=st.integers(-1),
    committed_ms=st.integers(-1),
    instance=names,
)


@given(keys)
def test_a_key_survives(key: SubtotalKey) -> None:
    """Any key is read back, whatever the customer is called."""
    assert decode_key(encode_key(key)) == key


@given(keys, keys)
def test_different_keys_differ_on_the_wire(one: SubtotalKey, other: SubtotalKey) -> None:
    """Compaction never merges two."""
    assert (encode_key(one) == encode_key(other)) == (one == other)


@pytest.mark.parametrize("customer", ["a|b|c", "|", 'say "hi"', "🦊|🦊", "progress|1", " ", "\\"])
def test_a_customer_may_hold_the_separator(customer: str) -> None:
    """The customer comes last in its key."""
    key = CustomerMonthKey(3, "2017-02", customer)
    assert encode_key(key).decode() == f"customer|3|2017-02|{customer}"
    assert decode_key(encode_key(key)) == key


@pytest.mark.parametrize(
    "data",
    [b"", b"customer", b"customer|1", b"customer|1|2017-02", b"customer|x|2017-02|a", b"hour|1", b"hour|1|x",
     b"hour|1|2|3", b"progress|1|2", b"progress|", b"other|1", b"\xff"],
)  # fmt: skip
def test_what_is_no_key_is_refused(data: bytes) -> None:
    """No bytes are taken for another key."""
    with pytest.raises(RecordError, match="not a key"):
        decode_key(data)


@given(sums)
def test_sums_survive(value: dict[str, tuple[int, int]]) -> None:
    """Sums of any size are read back exactly, beyond 64 bits too."""
    assert decode_sums(encode_sums(value)) == value


def test_the_sums_on_the_wire() -> None:
    """The form is the documented one."""
    assert encode_sums({"MISC": (199_990_000, 1)}) == b'{"v":1,"types":{"MISC":[199990000,1]}}'


@given(st.lists(st.dictionaries(st.sampled_from(["MISC", "CALL", "OLD", "NEW"]), with_events), max_size=5))
def test_packed_sums_are_encoded_the_same(values: list[dict[str, tuple[int, int]]]) -> None:
    """From whatever types and in whatever order they turn up, packed sums are written as the sums they stand for."""
    types = TypeTable(["MISC", "CALL"])
    encoder = SumsEncoder(types)
    for value in values:
        packed = types.pack(value)
        assert encoder.encode(packed) == encode_sums(types.unpack(packed))
        assert decode_sums(encoder.encode(packed)) == value


@given(progresses)
def test_progress_survives(progress: Progress) -> None:
    """Every field is read back."""
    assert decode_progress(encode_progress(progress)) == progress


@given(progresses)
def test_consumed_is_accepted_and_rejected(progress: Progress) -> None:
    """The record carries the conservation check in itself."""
    assert progress.consumed == progress.accepted + sum(progress.rejected.values())


@pytest.mark.parametrize("data", [b'{"v":2}', b'{"v":99,"types":{}}', b'{"v":"next"}', b'{"v":null}'])
def test_a_newer_version_says_so(data: bytes) -> None:
    """A reader that is too old says what to do."""
    for decode in (decode_sums, decode_progress):
        with pytest.raises(UnknownVersionError, match="update this program"):
            decode(data)


GARBAGE = [b"", b"null", b"[]", b"7", b'"v"', b"{}", b"{", b"\xff", b'{"types":{}}']


@pytest.mark.parametrize(
    "data",
    [*GARBAGE, b'{"v":1}', b'{"v":1,"types":[]}', b'{"v":1,"types":{"A":1}}', b'{"v":1,"types":{"A":[1]}}',
     b'{"v":1,"types":{"A":["x",1]}}', b'{"v":1,"types":{"A":[1,2,3]}}', b'{"v":1,"types":{"A":[1.5,2]}}',
     b'{"v":1,"types":{"A":[true,2]}}'],
)  # fmt: skip
def test_what_are_no_sums_is_refused(data: bytes) -> None:
    """Neither another shape nor a number that is no whole one is taken for a total."""
    with pytest.raises(RecordError):
        decode_sums(data)


@pytest.mark.parametrize("data", [*GARBAGE, b'{"v":1,"next":1}'])
def test_what_is_no_progress_is_refused(data: bytes) -> None:
    """A field that nobody knows is no progress of this version."""
    with pytest.raises(RecordError):
        decode_progress(data)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_record_or_a_record_error(data: bytes) -> None:
    """A broken topic is told as that and nothing else."""
    for decode in (decode_key, decode_sums, decode_progress):
        try:
            decode(data)
        except RecordError:
            continue
