"""Partial subtotals and progress: the records of `billing.subtotals`, and their form on the wire.

Each record belongs to one input partition and holds absolute sums of that partition alone, so a reader adds the
partials of all input partitions up, and reading a record twice changes nothing. Three kinds:

=============================================  =======================================================
key                                            value
=============================================  =======================================================
``customer|{partition}|{month}|{customer}``    ``{"v": 1, "types": {type: [total_micros, count]}}``
``hours|{partition}|{block_start_ms}``         ``{"v": 2, "hours": {second: {type: [total_micros, count]}}}``
``progress|{partition}``                       :class:`Progress` as JSON, `v` included
=============================================  =======================================================

Months, ``YYYY-MM``, and hours are those of the deployment's zone (:class:`billing.local_time.LocalTime`), so that the
hours of a month add up to it wherever its edges lie. A block is a quarter of a UTC day, so that years of hours are a
sixth of the records and one that changes is still small; an hour stands in the block that holds its start, by the
seconds from the block's start to its own. The customer comes last in its key and may hold any character.

A value of another form gets another `v`, and so does progress when a partition's records get other keys or another
meaning: it is at 4, since version 1 had a record for each hour, ``hour|{partition}|{start_ms}``, version 2 had the
hours of UTC, and version 3, which is still read, knew no ids. Whoever meets a version it does not know raises
:class:`UnknownVersionError` instead of guessing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import compress
from json import dumps, loads
from typing import Any, Self, TypeVar

import orjson

from billing.local_time import MS_PER_HOUR, MS_PER_SECOND
from billing.sums import Sums, TypeTable

# Of sums, which `billing.invoices` holds as well.
VERSION = 1
# Of blocks of hours.
HOURS_VERSION = 2
# Of progress, and so of all that is kept of an input partition.
PROGRESS_VERSION = 4
# The oldest that is still read: what it does not say is zero.
_OLDEST_PROGRESS_VERSION = 3

OLDER_VERSION_RUNBOOK = "docs/runbook.md#older-version"

BLOCK_MS = 6 * MS_PER_HOUR
_BLOCK_SECONDS = BLOCK_MS // MS_PER_SECOND

Value = TypeVar("Value")

# Type -> (total in micros, number of events).
TypeSums = Mapping[str, tuple[int, int]]


class RecordError(ValueError):
    """A record that is none of the kinds this module knows."""


class UnknownVersionError(RecordError):
    """A record of a version that this program does not know: the message says whether it is newer or older."""

    @classmethod
    def of(cls, version: object, known: int) -> Self:
        """Return the error of a record of one version for a program that knows another."""
        if isinstance(version, int) and version < known:
            return cls(f"version {version} of a record is older than {known}: count again, see {OLDER_VERSION_RUNBOOK}")
        return cls(f"version {version!r} of a record is newer than {known}: update this program")


@dataclass(frozen=True, slots=True)
class CustomerMonthKey:
    """Names the subtotals of one customer and billing period, from one input partition."""

    partition: int
    month: str
    customer: str


@dataclass(frozen=True, slots=True)
class HourKey:
    """Names the subtotals per type of one hour of the zone (its start in milliseconds), from one input partition.

    Hours are written by the block: see :class:`HourBlockKey`.
    """

    partition: int
    hour_start_ms: int


@dataclass(frozen=True, slots=True)
class HourBlockKey:
    """Names the hours of a quarter of a UTC day (its start in milliseconds), from one input partition."""

    partition: int
    block_start_ms: int

    def hour(self, second: int) -> HourKey:
        """Return the name of an hour of the block, by the seconds from the block's start to its own."""
        return HourKey(self.partition, self.block_start_ms + second * MS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class ProgressKey:
    """Names the progress record of one input partition."""

    partition: int


# What a record is about, and what its sums are of.
SubtotalKey = CustomerMonthKey | HourBlockKey | ProgressKey
SumsKey = CustomerMonthKey | HourKey


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the processor has counted one input partition.

    Args:
        next_offset: the offset after the last record counted: all below it is in the subtotals or rejected.
        watermark_ms: the highest event time accepted, in milliseconds; -1 before the first.
        accepted: how many records were billed: events, voids and replacements.
        accepted_micros: what they add up to, less what voids and replacements took back.
        voids: how many of them took an event back.
        replaces: how many of them were events that took the place of another.
        duplicates: how many records repeated an id with the same content, and so changed nothing.
        rejected: how many records were rejected, by reason; duplicates are not among them.
        late: how many accepted events lay more than `out_of_orderness` behind the watermark when they were read.
        oldest_record_ms: record time of the oldest record of the newest commit, in milliseconds.
        newest_record_ms: record time of the newest record of the newest commit, in milliseconds. The record time of the
            last record counted lies between these two, which is how `qb recover` knows the input again.
        committed_ms: wall clock at the newest commit, in milliseconds.
        instance: the processor instance that made it.
        time_zone: the zone whose months and hours the partition is counted by.
    """

    next_offset: int = 0
    watermark_ms: int = -1
    accepted: int = 0
    accepted_micros: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    oldest_record_ms: int = -1
    newest_record_ms: int = -1
    committed_ms: int = -1
    instance: str = ""
    time_zone: str = "UTC"
    voids: int = 0
    replaces: int = 0
    duplicates: int = 0

    @property
    def events(self) -> int:
        """How many events are billed: those accepted and not taken back. The counts of all subtotals add up to it."""
        return self.accepted - 2 * self.voids - self.replaces

    @property
    def rejected_total(self) -> int:
        """All rejected records, whatever the reason."""
        return sum(self.rejected.values())

    @property
    def consumed(self) -> int:
        """All records counted: accepted, rejected and duplicates."""
        return self.accepted + self.rejected_total + self.duplicates


def encode_key(key: SubtotalKey) -> bytes:
    """Return the record key of a subtotal or progress record."""
    match key:
        case CustomerMonthKey(partition, month, customer):
            return f"customer|{partition}|{month}|{customer}".encode()
        case HourBlockKey(partition, start_ms):
            return f"hours|{partition}|{start_ms}".encode()
        case ProgressKey(partition):
            return f"progress|{partition}".encode()


def decode_key(data: bytes) -> SubtotalKey:
    """Return what :func:`encode_key` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such key.
    """
    try:
        kind, partition, *rest = data.decode().split("|", 3)
        if kind == "customer":
            month, customer = rest
            return CustomerMonthKey(int(partition), month, customer)
        if kind == "hours":
            (start_ms,) = rest
            return HourBlockKey(int(partition), int(start_ms))
        if kind == "progress" and not rest:
            return ProgressKey(int(partition))
    except ValueError:
        pass
    if data.startswith(b"hour|"):
        raise UnknownVersionError.of(1, PROGRESS_VERSION)
    raise RecordError(f"not a key of a subtotal: {data[:80]!r}")


def hour_block(hour_start_ms: int) -> tuple[int, int]:
    """Return the start of the block that holds an hour, and the seconds from there to the hour's start.

    Both starts are in milliseconds. No zone has changed its clocks within a second.
    """
    start_ms = hour_start_ms - hour_start_ms % BLOCK_MS
    return start_ms, (hour_start_ms - start_ms) // MS_PER_SECOND


def encode_sums(sums: TypeSums) -> bytes:
    """Return the record value of the sums per type: type -> (total in micros, count)."""
    return f'{{"v":{VERSION},"types":{_types_text(sums)}}}'.encode()


def encode_hours(hours: Mapping[int, TypeSums]) -> bytes:
    """Return the record value of a block: second of the hour's start -> sums per type."""
    texts = [f'"{second}":{_types_text(sums)}' for second, sums in sorted(hours.items())]
    return f'{{"v":{HOURS_VERSION},"hours":{{{",".join(texts)}}}}}'.encode()


def encode_changed(sums: Mapping[SumsKey, TypeSums], changed: Iterable[SumsKey]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records, key and value, that tell of changed sums; a block with all its hours.

    Args:
        sums: all there are.
        changed: which of them have changed; customers come first, otherwise the order follows theirs.
    """
    blocks: dict[HourBlockKey, dict[int, TypeSums]] = {}
    for key in changed:
        if isinstance(key, CustomerMonthKey):
            yield encode_key(key), encode_sums(sums[key])
        else:
            blocks[HourBlockKey(key.partition, hour_block(key.hour_start_ms)[0])] = {}
    for key in sums if blocks else ():
        if isinstance(key, HourKey):
            start_ms, second = hour_block(key.hour_start_ms)
            block = blocks.get(HourBlockKey(key.partition, start_ms))
            if block is not None:
                block[second] = sums[key]
    yield from ((encode_key(block), encode_hours(hours)) for block, hours in blocks.items())


def decode_subtotal(key: CustomerMonthKey | HourBlockKey, data: bytes) -> dict[SumsKey, TypeSums]:
    """Return what a record tells: the sums of a customer and month, or those of the hours of a block.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no value of such a key.
    """
    if isinstance(key, CustomerMonthKey):
        return {key: decode_sums(data)}
    return {key.hour(second): sums for second, sums in decode_hours(data).items()}


def _types_text(sums: TypeSums) -> str:
    # Type names need no escaping.
    types = ",".join([f'"{type_}":[{total},{count}]' for type_, (total, count) in sums.items()])
    return f"{{{types}}}"


class SumsEncoder:
    """Encodes packed sums as :func:`encode_sums` and :func:`encode_hours` do, several times as fast.

    It runs for each subtotal that a commit changes. A type without events is left out.

    Args:
        types: what the sums are packed with.
    """

    def __init__(self, types: TypeTable) -> None:
        self._types = types
        # By which types have events: the text with places for their numbers.
        self._templates: dict[tuple[bool, ...], bytes] = {}

    def encode_sums(self, sums: Sums) -> bytes:
        """Return the record value of packed sums."""
        return b'{"v":%d,"types":%b}' % (VERSION, self._types_text(sums))

    def encode_hours(self, hours: Mapping[int, Sums]) -> bytes:
        """Return the record value of a block: second of the hour's start -> packed sums."""
        texts = [b'"%d":%b' % (second, self._types_text(sums)) for second, sums in sorted(hours.items())]
        return b'{"v":%d,"hours":{%b}}' % (HOURS_VERSION, b",".join(texts))

    def _types_text(self, sums: Sums) -> bytes:
        counts = sums[1::2]
        if 0 not in counts:
            return self._template((True,) * len(counts)) % sums
        present = tuple(map(bool, counts))
        pairs = compress(zip(sums[::2], counts, strict=True), present)
        return self._template(present) % tuple([number for pair in pairs for number in pair])

    def _template(self, present: tuple[bool, ...]) -> bytes:
        template = self._templates.get(present)
        if template is None:
            types = ",".join([f'"{name}":[%d,%d]' for name in compress(self._types.names, present)])
            template = self._templates[present] = f"{{{types}}}".encode()
        return template


def decode_sums(data: bytes) -> dict[str, tuple[int, int]]:
    """Return what :func:`encode_sums` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    return _decode(data, _sums_of, VERSION, "a subtotal")


def decode_hours(data: bytes) -> dict[int, dict[str, tuple[int, int]]]:
    """Return what :func:`encode_hours` encoded: second of the hour's start -> sums per type.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    return _decode(data, _hours_of, HOURS_VERSION, "a block of hours")


def _decode(data: bytes, read: Callable[[Mapping[str, Any]], Value | None], version: int, what: str) -> Value:
    """Return what a value says, read the fast way if that is surely right, and else the exact one."""
    value = _fast(data, read, version)
    if value is None:
        value = read(load_versioned(data, version))
    if value is None:
        raise RecordError(f"not the value of {what}: {data[:80]!r}")
    return value


def _fast(data: bytes, read: Callable[[Mapping[str, Any]], Value | None], version: int) -> Value | None:
    """Return what an ordinary value says, three times as fast; None says that it is not for sure one."""
    try:
        record = orjson.loads(data)
        # What outgrows 64 bits comes as a float, and so is left to the exact way.
        return read(record) if record["v"] == version else None
    except (ValueError, KeyError, TypeError):
        return None


def _hours_of(record: Mapping[str, Any]) -> dict[int, dict[str, tuple[int, int]]] | None:
    hours = {}
    try:
        for second, types in record["hours"].items():
            sums = _sums_of({"types": types})
            if sums is None or str(int(second)) != second or not 0 <= int(second) < _BLOCK_SECONDS:
                return None
            hours[int(second)] = sums
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return hours


def _sums_of(record: Mapping[str, Any]) -> dict[str, tuple[int, int]] | None:
    sums = {}
    try:
        for type_, (total, count) in record["types"].items():
            if type(total) is not int or type(count) is not int:
                return None
            sums[type_] = (total, count)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return sums


def encode_progress(progress: Progress) -> bytes:
    """Return the record value of a progress record."""
    return dumps({"v": PROGRESS_VERSION, **asdict(progress)}, separators=(",", ":")).encode()


def decode_progress(data: bytes) -> Progress:
    """Return what :func:`encode_progress` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    record = load_versioned(data, PROGRESS_VERSION, _OLDEST_PROGRESS_VERSION)
    del record["v"]
    try:
        return Progress(**record)
    except TypeError:
        raise RecordError(f"not the value of a progress record: {data[:80]!r}") from None


def load_versioned(data: bytes, known: int, *also: int) -> dict[str, Any]:
    """Return a JSON object that has its version in `v`. The standard library reads it: sums may outgrow 64 bits.

    Raises:
        UnknownVersionError: the version is neither the one that is `known` nor one of `also`.
        RecordError: the bytes are no such object.
    """
    try:
        record = loads(data)
        version = record["v"]
    except (ValueError, KeyError, TypeError):
        raise RecordError(f"not a versioned JSON object: {data[:80]!r}") from None
    if version != known and version not in also:
        older = isinstance(version, int) and version < known
        raise UnknownVersionError.of(version, min(known, *also) if older and also else max((known, *also)))
    return dict(record)
