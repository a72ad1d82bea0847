"""The records of the subtotals topic: round trips, and no guessing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    HourKey,
    Progress,
    ProgressKey,
    RecordError,
    SubtotalKey,
    SumsEncoder,
    SumsKey,
    UnknownVersionError,
    decode_hours,
    decode_key,
    decode_progress,
    decode_subtotal,
    decode_sums,
    encode_changed,
    encode_hours,
    encode_key,
    encode_progress,
    encode_sums,
    hour_block,
)
from billing.sums import TypeTable

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
partitions = st.integers(0, 10_000)
keys: st.SearchStrategy[SubtotalKey] = st.one_of(
    st.builds(CustomerMonthKey, partitions, st.sampled_from(["1969-12", "2017-02", "2199-12"]), names),
    st.builds(HourBlockKey, partitions, st.integers(-3_600_000, 10**13)),
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
    voids=st.integers(0),
    replaces=st.integers(0),
    duplicates=st.integers(0),
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
    [b"", b"customer", b"customer|1", b"customer|1|2017-02", b"customer|x|2017-02|a", b"hours|1", b"hours|1|x",
     b"hours|1|2|3", b"hou|1|2", b"progress|1|2", b"progress|", b"other|1", b"\xff"],
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
        assert encoder.encode_sums(packed) == encode_sums(types.unpack(packed))
        assert decode_sums(encoder.encode_sums(packed)) == value
        assert encoder.encode_hours({3: packed, 0: packed}) == encode_hours(dict.fromkeys((0, 3), types.unpack(packed)))


@given(st.dictionaries(st.integers(0, 5), sums))
def test_hours_survive(hours: dict[int, dict[str, tuple[int, int]]]) -> None:
    """The hours of a block are read back exactly, each under the second at which it begins."""
    assert decode_hours(encode_hours(hours)) == hours


def test_the_hours_on_the_wire() -> None:
    """The form is the documented one: a quarter of a UTC day, its hours by the seconds from its start."""
    hour_ms, block_ms = 1_488_142_800_000, 1_488_132_000_000  # 2017-02-26T21:00Z, 18:00Z
    assert hour_block(hour_ms) == (block_ms, 3 * 3_600)
    key = HourBlockKey(2, block_ms)
    assert key.hour(3 * 3_600) == HourKey(2, hour_ms)
    ((name, value),) = encode_changed({HourKey(2, hour_ms): {"MISC": (199_990_000, 1)}}, [HourKey(2, hour_ms)])
    assert name == b"hours|2|1488132000000"
    assert value == b'{"v":2,"hours":{"10800":{"MISC":[199990000,1]}}}'
    assert decode_subtotal(key, value) == {HourKey(2, hour_ms): {"MISC": (199_990_000, 1)}}


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"v":2}', b'{"v":2,"hours":[]}', b'{"v":2,"hours":{"21600":{}}}',
     b'{"v":2,"hours":{"-1":{}}}', b'{"v":2,"hours":{"01":{}}}', b'{"v":2,"hours":{"1.5":{}}}',
     b'{"v":2,"hours":{"1":{"MISC":[1.5,1]}}}',
     b'{"v":2,"hours":{"1":null}}', b'{"v":2,"types":{}}'],
)  # fmt: skip
def test_what_is_no_block_of_hours_is_refused(data: bytes) -> None:
    """Nothing is guessed."""
    with pytest.raises(RecordError):
        decode_hours(data)


def test_a_newer_block_of_hours_says_so() -> None:
    """It is not half understood."""
    with pytest.raises(UnknownVersionError):
        decode_hours(b'{"v":3,"hours":{}}')


@given(st.dictionaries(st.builds(HourKey, st.integers(0, 2), st.integers(0, 30).map(lambda n: n * 3_600_000)), sums))
def test_a_changed_hour_is_told_with_its_whole_block(all_sums: dict[HourKey, dict[str, tuple[int, int]]]) -> None:
    """Whichever hour of a block changes, its record holds all that is known of the block, and no record comes twice."""
    changed = list(all_sums)[::2]
    told: dict[HourKey, object] = {}
    sums_by_key: dict[SumsKey, dict[str, tuple[int, int]]] = {}
    sums_by_key.update(all_sums.items())
    for name, value in encode_changed(sums_by_key, changed):
        key = decode_key(name)
        assert isinstance(key, HourBlockKey)
        read = decode_subtotal(key, value)
        assert not told.keys() & read.keys()
        told |= {of: types for of, types in read.items() if isinstance(of, HourKey)}
    blocks = {(key.partition, hour_block(key.hour_start_ms)[0]) for key in changed}
    expected = {k: v for k, v in all_sums.items() if (k.partition, hour_block(k.hour_start_ms)[0]) in blocks}
    assert told == expected


@given(progresses)
def test_progress_survives(progress: Progress) -> None:
    """Every field is read back."""
    assert decode_progress(encode_progress(progress)) == progress


@given(progresses)
def test_consumed_is_accepted_and_rejected(progress: Progress) -> None:
    """The record carries the conservation check in itself."""
    assert progress.consumed == progress.accepted + sum(progress.rejected.values()) + progress.duplicates


def test_progress_without_ids_is_read() -> None:
    """What the version before says is still true: there were no ids, so nothing came again or was taken back."""
    newer = encode_progress(Progress(7, accepted=6, accepted_micros=5, rejected={"malformed": 1}))
    older = newer.replace(b'"v":4', b'"v":3').replace(b',"voids":0,"replaces":0,"duplicates":0', b"")
    assert older.count(b",") == newer.count(b",") - 3
    assert decode_progress(older) == decode_progress(newer)


def test_events_are_what_is_left_of_those_accepted() -> None:
    """A void is no event and takes one back; a replacement is one and takes one back."""
    assert Progress(accepted=10, voids=2, replaces=1).events == 10 - 2 - 2 - 1


@pytest.mark.parametrize("data", [b'{"v":5}', b'{"v":99,"types":{}}', b'{"v":"next"}', b'{"v":null}'])
def test_a_newer_version_says_so(data: bytes) -> None:
    """A reader that is too old says what to do."""
    for decode in (decode_sums, decode_progress):
        with pytest.raises(UnknownVersionError, match="update this program"):
            decode(data)


def test_an_older_version_says_so() -> None:
    """Records of hours one by one: they are not read as no hours at all."""
    progress = encode_progress(Progress()).replace(b'"v":4', b'"v":1')
    for decode, data in (
        (decode_progress, progress),
        (decode_key, b"hour|0|3600000"),
        (decode_hours, b'{"v":1,"hours":{"3":{"MISC":[1,1]}}}'),
    ):
        with pytest.raises(UnknownVersionError, match=r"version 1 .* older than .: count again, see .*#older-version"):
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


@pytest.mark.parametrize("data", [*GARBAGE, b'{"v":3,"next":1}', b'{"v":4,"next":1}'])
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
