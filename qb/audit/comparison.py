"""Compares what must become of a record with what the rejected topic says of it."""

from collections.abc import Iterable, Mapping, Sequence

from billing.event import REASONS_OF_ORDER, Reason
from billing.rejected_record import carry
from billing.runtime.topic_reader import Record
from qb.audit.findings import Check, Findings
from qb.audit.once import Decision
from qb.audit.verdicts import Verdict, digest_of


class Comparison:
    """Reports records that were rejected and should not have been, or the other way round.

    A duplicate is in the rejected topic only if `keep_duplicates` was set when it was counted. So each may be there;
    while the setting is set, each must be there from the first one on.

    Where the beginning of an input partition is deleted, nobody knows which ids it had. A verdict that may come of
    them stands then, and what would contradict it is counted in `undecided` instead of being reported.

    Args:
        findings: where differences go.
        starts: input partition -> the offset of the first record that is still there.
        keeps_duplicates: the setting `keep_duplicates`.
    """

    def __init__(self, findings: Findings, starts: Mapping[int, int], keeps_duplicates: bool = False) -> None:
        self.undecided: dict[int, int] = {}
        self._findings, self._starts, self._keeps_duplicates = findings, starts, keeps_duplicates
        self._kept: set[int] = set()

    def compare(self, record: Record, verdicts: Sequence[Verdict], decision: Decision) -> Decision:
        """Report how the verdicts on a record differ from what must become of it; return what to count it as."""
        told = verdicts[0].reason if verdicts else None
        if told != decision.reason and self._is_undecided(record.partition, told, decision):
            self.undecided[record.partition] = self.undecided.get(record.partition, 0) + 1
            decision = Decision(Reason(told)) if told else decision
        elif not verdicts:
            self._compare_missing(record, decision)
        elif told != decision.reason:
            self._report(record, _expected(decision), f"rejected as {told} at {verdicts[0].place}")
        if verdicts:
            self._compare_records(record, verdicts)
        return decision

    def report_strays(self, strays: Iterable[Verdict]) -> None:
        """Report rejected records that no input record belongs to."""
        for verdict in strays:
            subject = f"rejected {verdict.place}"
            self._findings.add(
                Check.REJECTED, subject, "an input record", f"none at {verdict.partition}@{verdict.offset}"
            )

    def _is_undecided(self, partition: int, told: str | None, decision: Decision) -> bool:
        if told is None and decision.reason is Reason.DUPLICATE:
            return False
        reasons = {told or decision.reason, decision.reason or told}
        return self._starts.get(partition, 0) > 0 and reasons <= REASONS_OF_ORDER

    def _compare_missing(self, record: Record, decision: Decision) -> None:
        if decision.reason is None:
            return
        if decision.reason is not Reason.DUPLICATE or (self._keeps_duplicates and record.partition in self._kept):
            self._report(record, _expected(decision), "not rejected")

    def _compare_records(self, record: Record, verdicts: Sequence[Verdict]) -> None:
        if verdicts[0].reason == Reason.DUPLICATE:
            self._kept.add(record.partition)
        if len(verdicts) > 1:
            places = ", ".join(verdict.place for verdict in verdicts[:5])
            self._report(record, "rejected once", f"rejected {len(verdicts)} times: {places}")
        if verdicts[0].digest != _digest_of_carried(record):
            self._report(record, "key, value and headers unchanged", f"others at {verdicts[0].place}")

    def _report(self, record: Record, expected: str, found: str) -> None:
        self._findings.add(Check.REJECTED, f"input {record.partition}@{record.offset}", expected, found)


def _expected(decision: Decision) -> str:
    if decision.reason is not None:
        return f"rejected as {decision.reason}"
    return "billed" if decision.added is not None else "counted as a void"


def _digest_of_carried(record: Record) -> bytes:
    carried = carry(record.key, record.value, record.headers)
    return digest_of(carried.key, carried.value, carried.headers)
