"""Partial subtotals and progress: the records of `billing.subtotals`, and their form on the wire.

Each record belongs to one input partition and holds absolute sums of that partition alone, so a reader adds the
partials of all input partitions up, and reading a record twice changes nothing. Three kinds:

=============================================  =======================================================
key                                            value
=============================================  =======================================================
``customer|{partition}|{month}|{customer}``    ``{"v": 1, "types": {type: [total_micros, count]}}``
``hour|{partition}|{hour_start_ms}``           the same
``progress|{partition}``                       :class:`Progress` as JSON, `v` included
=============================================  =======================================================

A month is ``YYYY-MM`` in the deployment's zone; an hour starts on the UTC hour. The customer comes last in its key
and may hold any character. Values only ever grow in meaning by a new `v`: a reader that meets one it does not know
raises :class:`UnknownVersionError` instead of guessing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import compress
from json import dumps, loads
from typing import Any

import orjson

from billing.sums import Sums, TypeTable

VERSION = 1

# Type -> (total in micros, number of events).
TypeSums = Mapping[str, tuple[int, int]]


class RecordError(ValueError):
    """A record that is none of the kinds this module knows."""


class UnknownVersionError(RecordError):
    """A record of a version newer than this program: update the reader."""


@dataclass(frozen=True, slots=True)
class CustomerMonthKey:
    """Names the subtotals of one customer and billing period, from one input partition."""

    partition: int
    month: str
    customer: str


@dataclass(frozen=True, slots=True)
class HourKey:
    """Names the subtotals per type of one UTC hour (its start in milliseconds), from one input partition."""

    partition: int
    hour_start_ms: int


@dataclass(frozen=True, slots=True)
class ProgressKey:
    """Names the progress record of one input partition."""

    partition: int


SubtotalKey = CustomerMonthKey | HourKey | ProgressKey


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the processor has counted one input partition.

    Args:
        next_offset: the offset after the last record counted: all below it is in the subtotals or rejected.
        watermark_ms: the highest event time accepted, in milliseconds; -1 before the first.
        accepted: how many records were billed.
        accepted_micros: the sum of their amounts.
        rejected: how many records were rejected, by reason.
        late: how many accepted events lay more than `out_of_orderness` behind the watermark when they were read.
        oldest_record_ms: record time of the oldest record of the newest commit, in milliseconds.
        newest_record_ms: record time of the newest record of the newest commit, in milliseconds.
        committed_ms: wall clock at the newest commit, in milliseconds.
        instance: the processor instance that made it.
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

    @property
    def rejected_total(self) -> int:
        """All rejected records, whatever the reason."""
        return sum(self.rejected.values())

    @property
    def consumed(self) -> int:
        """All records counted: accepted and rejected."""
        return self.accepted + self.rejected_total


def encode_key(key: SubtotalKey) -> bytes:
    """Return the record key of a subtotal or progress record."""
    match key:
        case CustomerMonthKey(partition, month, customer):
            return f"customer|{partition}|{month}|{customer}".encode()
        case HourKey(partition, hour):
            return f"hour|{partition}|{hour}".encode()
        case ProgressKey(partition):
            return f"progress|{partition}".encode()


def decode_key(data: bytes) -> SubtotalKey:
    """Return what :func:`encode_key` encoded.

    Raises:
        RecordError: the bytes are no such key.
    """
    try:
        kind, partition, *rest = data.decode().split("|", 3)
        if kind == "customer":
            month, customer = rest
            return CustomerMonthKey(int(partition), month, customer)
        if kind == "hour":
            (hour,) = rest
            return HourKey(int(partition), int(hour))
        if kind == "progress" and not rest:
            return ProgressKey(int(partition))
    except ValueError:
        pass
    raise RecordError(f"not a key of a subtotal: {data[:80]!r}")


def encode_sums(sums: Mapping[str, tuple[int, int]]) -> bytes:
    """Return the record value of the sums per type: type -> (total in micros, count)."""
    # Type names need no escaping.
    types = ",".join([f'"{type_}":[{total},{count}]' for type_, (total, count) in sums.items()])
    return f'{{"v":1,"types":{{{types}}}}}'.encode()


class SumsEncoder:
    """Encodes packed sums as :func:`encode_sums` does, several times as fast: it runs for each change of each commit.

    Args:
        types: what the sums are packed with.
    """

    def __init__(self, types: TypeTable) -> None:
        self._types = types
        # By which types have events: the record value with places for their numbers.
        self._templates: dict[tuple[bool, ...], bytes] = {}

    def encode(self, sums: Sums) -> bytes:
        """Return the record value of packed sums; a type without events is left out."""
        counts = sums[1::2]
        present = tuple(map(bool, counts))
        template = self._templates.get(present)
        if template is None:
            template = self._templates[present] = self._template(present)
        if not all(counts):
            sums = tuple([number for pair in compress(zip(sums[::2], counts, strict=True), present) for number in pair])
        return template % sums

    def _template(self, present: tuple[bool, ...]) -> bytes:
        types = ",".join([f'"{name}":[%d,%d]' for name in compress(self._types.names, present)])
        return f'{{"v":1,"types":{{{types}}}}}'.encode()


def decode_sums(data: bytes) -> dict[str, tuple[int, int]]:
    """Return what :func:`encode_sums` encoded.

    Raises:
        UnknownVersionError: a newer program wrote it.
        RecordError: the bytes are no such value.
    """
    sums = _fast_sums(data)
    if sums is None:
        sums = _sums_of(load_versioned(data, VERSION))
    if sums is None:
        raise RecordError(f"not the value of a subtotal: {data[:80]!r}")
    return sums


def _fast_sums(data: bytes) -> dict[str, tuple[int, int]] | None:
    """Return the sums of an ordinary value, three times as fast; None says that it is not for sure one."""
    try:
        record = orjson.loads(data)
        # What outgrows 64 bits comes as a float, and so is left to the exact way.
        return _sums_of(record) if record["v"] == VERSION else None
    except (ValueError, KeyError, TypeError):
        return None


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
    return dumps({"v": VERSION, **asdict(progress)}, separators=(",", ":")).encode()


def decode_progress(data: bytes) -> Progress:
    """Return what :func:`encode_progress` encoded.

    Raises:
        UnknownVersionError: a newer program wrote it.
        RecordError: the bytes are no such value.
    """
    record = load_versioned(data, VERSION)
    del record["v"]
    try:
        return Progress(**record)
    except TypeError:
        raise RecordError(f"not the value of a progress record: {data[:80]!r}") from None


def load_versioned(data: bytes, newest: int) -> dict[str, Any]:
    """Return a JSON object that has its version in `v`. The standard library reads it: sums may outgrow 64 bits.

    Raises:
        UnknownVersionError: the version is later than `newest`.
        RecordError: the bytes are no such object.
    """
    try:
        record = loads(data)
        version = record["v"]
    except (ValueError, KeyError, TypeError):
        raise RecordError(f"not a versioned JSON object: {data[:80]!r}") from None
    if not isinstance(version, int) or version > newest:
        raise UnknownVersionError(f"version {version!r} of a record is newer than {newest}: update this program")
    return dict(record)
