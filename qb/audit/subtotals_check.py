"""Checks of the subtotals: each one, and each progress record, against the recount."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from billing.money import format_micros
from billing.period import format_timestamp
from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    Progress,
    ProgressKey,
    RecordError,
    SumsKey,
    decode_key,
    decode_progress,
    decode_subtotal,
)
from qb.audit.findings import Check, Findings
from qb.audit.recount import CUSTOMER, HOUR, PartitionTally, SumKey
from qb.audit.scratch import Amount, AmountTable, LatestTable

_PROGRESS = b"progress|"

# More sums than this differing at the cut are not explained by what was committed meanwhile.
MAX_FOLLOWED = 500_000


@dataclass
class ProgressRecords:
    """The newest progress of each input partition."""

    progress: dict[int, Progress] = field(default_factory=dict)

    def read(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take the progress records among these in.

        Raises:
            RecordError: one can't be read.
        """
        for key, value in records:
            if key.startswith(_PROGRESS) and value is not None:
                decoded = decode_key(key)
                assert isinstance(decoded, ProgressKey)
                self.progress[decoded.partition] = decode_progress(value)

    @property
    def next_offsets(self) -> dict[int, int]:
        """Input partition -> the offset after the last record counted."""
        return {partition: progress.next_offset for partition, progress in self.progress.items()}


def load_subtotals(latest: LatestTable, sums: AmountTable, findings: Findings) -> None:
    """Put the newest subtotals on the side `subtotals` of the sums; report those that can't be read."""
    for key, value in latest:
        try:
            decoded = decode_key(key)
            if isinstance(decoded, ProgressKey):
                continue
            subtotals = decode_subtotal(decoded, value)
        except RecordError as error:
            findings.add(Check.CUSTOMERS, repr(key[:80]), "a subtotal", error)
            continue
        for of, types in subtotals.items():
            place = _place(of)
            sums.add("subtotals", [((*place, type_), *amount) for type_, amount in types.items()])


def _place(key: SumsKey) -> tuple[str, int, str, str]:
    match key:
        case CustomerMonthKey(partition, month, customer):
            return CUSTOMER, partition, month, customer
        case HourKey(partition, hour_start_ms):
            return HOUR, partition, str(hour_start_ms), ""


def check_progress(tallies: Mapping[int, PartitionTally], progress: Mapping[int, Progress], findings: Findings) -> None:
    """Report where a progress record differs from the recount up to its offset."""
    for partition, told in sorted(progress.items()):
        tally = tallies.get(partition, PartitionTally())
        what = f"input partition {partition}"
        for name, expected, found in (
            ("accepted", tally.accepted, told.accepted),
            ("accepted sum", format_micros(tally.accepted_micros), format_micros(told.accepted_micros)),
            ("highest event time", tally.watermark_ms, told.watermark_ms),
            ("voids", tally.voids, told.voids),
            ("replacements", tally.replaces, told.replaces),
            ("duplicates", tally.duplicates, told.duplicates),
        ):
            findings.compare(Check.PROGRESS, f"{what}: {name}", expected, found)
        for reason in sorted({*tally.rejected, *told.rejected}):
            subject = f"{what}: rejected as {reason}"
            findings.compare(Check.PROGRESS, subject, tally.rejected[reason], told.rejected.get(reason, 0))


def differing_sums(sums: AmountTable) -> dict[SumKey, tuple[tuple[int, int], tuple[int, int]]] | None:
    """Return what differs at the cut: key -> (subtotal, recount), each (micros, count). None if that is too much."""
    differing: dict[SumKey, tuple[tuple[int, int], tuple[int, int]]] = {}
    for key, counted, subtotal in sums.unequal("counted", "subtotals"):
        if len(differing) == MAX_FOLLOWED:
            return None
        differing[sum_key(key)] = ((subtotal.micros, subtotal.count), (counted.micros, counted.count))
    return differing


def report_sums(sums: AmountTable, excused: set[SumKey], findings: Findings) -> None:
    """Report the subtotals that differ from the recount and are not excused."""
    for key, counted, subtotal in sums.unequal("counted", "subtotals"):
        named = sum_key(key)
        if named not in excused:
            check = Check.CUSTOMERS if named[0] == CUSTOMER else Check.HOURS
            findings.add(check, _describe(named), _shown(counted), _shown(subtotal))


def sum_key(key: tuple[int | str, ...]) -> SumKey:
    """Return a key of the table of sums with the types of its fields."""
    kind, partition, period, customer, type_ = key
    return str(kind), int(partition), str(period), str(customer), str(type_)


def _describe(key: SumKey) -> str:
    kind, partition, period, customer, type_ = key
    if kind == HOUR:
        return f"{type_} {format_timestamp(int(period))} (input partition {partition})"
    return f"{customer} {period} {type_} (input partition {partition})"


def _shown(amount: Amount) -> str:
    return f"{format_micros(amount.micros)} ({amount.count})"
