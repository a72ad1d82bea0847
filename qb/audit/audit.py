"""The audit itself: the steps that :mod:`qb.audit` lists, over whatever the records are read from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Protocol

from billing.errors import OperatorError
from billing.money import format_micros
from billing.period import month_calendar
from billing.runtime.logs import get_logger
from billing.runtime.topic_reader import Record
from billing.settings import Settings
from billing.subtotal import Progress, RecordError
from billing.topic_rules import TopicFinding
from qb.audit.comparison import Comparison
from qb.audit.files_check import check_files
from qb.audit.findings import Check, Findings
from qb.audit.judge import Judge
from qb.audit.ledger_check import LedgerCheck
from qb.audit.once import Decider
from qb.audit.recount import CUSTOMER, HOUR, PartitionTally, Reconciler, Recount, SumKey, by_partition
from qb.audit.scratch import AmountTable, LatestTable
from qb.audit.subtotals_check import ProgressRecords, check_progress, differing_sums, load_subtotals, report_sums
from qb.audit.topics_check import check_topic_rules
from qb.audit.verdicts import VerdictCursor, VerdictError, VerdictTable, read_verdict

logger = get_logger(__name__)


class TopicSource(Protocol):
    """One topic, read from its beginning on."""

    def to_now(self) -> Iterator[list[Record]]:
        """Yield what was written before this call and has not been yielded, once it is committed; perhaps more."""
        ...

    def starts(self) -> dict[int, int]:
        """Return the offset at which each partition begins."""
        ...


class Sources(Protocol):
    """Everything that an audit reads."""

    @property
    def ledger(self) -> TopicSource:
        """The invoices."""
        ...

    @property
    def subtotals(self) -> TopicSource:
        """The subtotals and progress records."""
        ...

    @property
    def rejected(self) -> TopicSource:
        """The rejected records."""
        ...

    def topic_findings(self) -> Iterable[TopicFinding]:
        """Return the rules of the topics that are read, with what each topic has."""
        ...

    def input_starts(self) -> dict[int, int]:
        """Return the offset at which each input partition begins."""
        ...

    def input_ends(self) -> dict[int, int]:
        """Return the offset at which each input partition ends."""
        ...

    def input(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[list[Record]]:
        """Yield the input records from `starts` up to `ends`, by input partition; some beyond them may come too."""
        ...


@dataclass(frozen=True)
class Cut:
    """How far the input was counted.

    Args:
        progress: the progress records whose subtotals were read for certain.
        offsets: input partition -> offset up to which, exclusive, they count.
        reach: the same of the newest subtotals that may have been read.
    """

    progress: Mapping[int, Progress]
    offsets: dict[int, int]
    reach: dict[int, int]


class Audit:
    """Compares everything with a recount.

    Args:
        settings: topics, zone, and what an event must keep to.
        sources: what is read.
        database: for tables too large for memory.
        findings: where what is found goes.
    """

    def __init__(self, settings: Settings, sources: Sources, database: Connection, findings: Findings) -> None:
        self._settings, self._sources, self._database = settings, sources, database
        self._calendar = month_calendar(settings.time_zone)
        self._findings = findings
        self._verdicts = VerdictTable(database)
        self._sums = AmountTable(
            database, "sums", ("kind", "partition", "period", "customer", "type"), ("counted", "subtotals")
        )
        self._ledger = LedgerCheck(database, self._findings)

    def run(self) -> Findings:
        """Do all steps and return what was found.

        Raises:
            OperatorError: a topic can't be read.
        """
        # Step 1.
        check_topic_rules(self._sources.topic_findings(), self._findings)
        self._check_starts()
        self._read_ledger()
        logger.info("ledger read", closed_months=len(self._ledger.closes))
        # Steps 2 and 3.
        cut = self._read_subtotals()
        # Step 4.
        self._read_rejected()
        logger.info("subtotals and rejected records read, recounting", records=sum(cut.offsets.values()))
        # Step 5.
        clock = self._settings.clock
        since_ms = self._settings.simulation_anchor_ms
        judge = Judge(self._settings.event_rules, clock.now_ms(), clock.at_ms, since_ms)
        decider = Decider(judge, self._database, self._settings.dedup_window_days)
        tallies = self._recount(decider, cut)
        check_progress(tallies, cut.progress, self._findings)
        # Step 6.
        report_sums(self._sums, self._excused(decider, cut), self._findings)
        self._check_ledger()
        self._add_figures(tallies)
        return self._findings

    def _check_starts(self) -> None:
        """Report the topics that can't be read from their start: what is gone may have been anything."""
        settings, sources = self._settings, self._sources
        for check, name, topic in (
            (Check.LEDGER, settings.invoices_topic, sources.ledger),
            (Check.PROGRESS, settings.subtotals_topic, sources.subtotals),
            (Check.REJECTED, settings.rejected_topic, sources.rejected),
        ):
            for partition, start in topic.starts().items():
                if start > 0:
                    subject = f"{name} partition {partition}: start"
                    self._findings.add(check, subject, 0, f"{start}, the rest is deleted")

    def _read_ledger(self) -> None:
        latest = LatestTable(self._database, "ledger")
        for batch in self._sources.ledger.to_now():
            latest.put(_keyed(batch))
        self._ledger.read(latest)

    def _read_subtotals(self) -> Cut:
        latest, newest = LatestTable(self._database, "latest"), ProgressRecords()
        for batch in self._sources.subtotals.to_now():
            latest.put(_keyed(batch))
            self._read_progress(newest, batch)
        progress, offsets = dict(newest.progress), newest.next_offsets
        for batch in self._sources.subtotals.to_now():
            latest.put(_keyed(batch))
            self._read_progress(newest, batch)
        for batch in self._sources.subtotals.to_now():
            self._read_progress(newest, batch)
        load_subtotals(latest, self._sums, self._findings)
        return Cut(progress, self._within_input(offsets), newest.next_offsets)

    def _read_progress(self, newest: ProgressRecords, batch: Sequence[Record]) -> None:
        try:
            newest.read(_keyed(batch))
        except RecordError as error:
            raise OperatorError(f"a record of {self._settings.subtotals_topic} cannot be read: {error}") from None

    def _within_input(self, offsets: Mapping[int, int]) -> dict[int, int]:
        """Report what was counted and is not in the input topic; return the cut without it."""
        starts, ends = self._sources.input_starts(), self._sources.input_ends()
        for partition, start in starts.items():
            if start > 0:
                self._findings.add(
                    Check.INPUT, f"input partition {partition}: start", 0, f"{start}, the rest is deleted"
                )
        for partition, offset in offsets.items():
            if offset > ends.get(partition, 0):
                what = f"input partition {partition}: end"
                self._findings.add(Check.INPUT, what, f"{offset} or more", ends.get(partition, "no such partition"))
        return {partition: min(offsets.get(partition, 0), end) for partition, end in ends.items()}

    def _read_rejected(self) -> None:
        for batch in self._sources.rejected.to_now():
            for record in batch:
                try:
                    self._verdicts.add([read_verdict(record, self._settings.input_topic)])
                except VerdictError as error:
                    subject = f"rejected {record.partition}@{record.offset}"
                    self._findings.add(Check.REJECTED, subject, "the headers of a rejected record", error)
        self._verdicts.finish()

    def _recount(self, decider: Decider, cut: Cut) -> dict[int, PartitionTally]:
        starts, keeps = self._sources.input_starts(), self._settings.keep_duplicates
        comparison = Comparison(self._findings, starts, keeps)
        note = self._ledger.note_changes(self._calendar)
        recount = Recount(decider, self._calendar, self._verdicts, self._sums, comparison, note)
        for batch in self._sources.input({}, cut.offsets):
            recount.add(record for record in batch if record.offset < cut.offsets[record.partition])
        recount.finish(cut.offsets)
        for partition, start in sorted(starts.items()):
            if start > 0 and (naming := decider.naming(partition)):
                self._findings.notes.append(
                    _not_decided(partition, start, naming, comparison.undecided.get(partition, 0))
                )
        return recount.tallies

    def _excused(self, decider: Decider, cut: Cut) -> set[SumKey]:
        """Return the sums that differ at the cut and were right at some offset between cut and reach."""
        differing = differing_sums(self._sums)
        if not differing or all(cut.offsets.get(p, 0) >= offset for p, offset in cut.reach.items()):
            return set()
        reconciler = Reconciler(differing, self._calendar)
        cursors = {p: VerdictCursor(self._verdicts.of(p, offset)) for p, offset in cut.offsets.items()}
        for batch in self._sources.input(cut.offsets, cut.reach):
            within = [record for record in batch if record.offset < cut.reach.get(record.partition, 0)]
            for partition, records in by_partition(within).items():
                judged = [(record, cursors[partition].first_at(record.offset)) for record in records]
                for decision in decider.decide(partition, judged):
                    reconciler.add(partition, decision)
        return set(differing) - set(reconciler.unexplained())

    def _check_ledger(self) -> None:
        used = self._sums.rows("counted", "kind = ? AND period <= ?", CUSTOMER, self._ledger.newest_month)
        self._ledger.add_usage("used", (((key[2], key[3], key[4]), micros, count) for key, micros, count in used))
        self._ledger.check()
        check_files(self._settings.output, self._ledger, self._findings)

    def _add_figures(self, tallies: Mapping[int, PartitionTally]) -> None:
        accepted_micros = sum(tally.accepted_micros for tally in tallies.values())
        billed = self._ledger.billed
        self._findings.figures |= {
            "input partitions": len(tallies),
            "accepted": sum(tally.accepted for tally in tallies.values()),
            "rejected": sum(tally.rejected.total() for tally in tallies.values()),
            "duplicates": sum(tally.duplicates for tally in tallies.values()),
            "voids": sum(tally.voids for tally in tallies.values()),
            "replacements": sum(tally.replaces for tally in tallies.values()),
            "subtotals per customer, month and type": self._sums.count(f"kind = '{CUSTOMER}'"),
            "subtotals per hour and type": self._sums.count(f"kind = '{HOUR}'"),
            "closed months": len(self._ledger.closes),
            "sum of accepted": format_micros(accepted_micros),
            "billed": format_micros(billed.micros),
            "open": format_micros(accepted_micros - billed.micros),
        }


def _not_decided(partition: int, start: int, naming: int, undecided: int) -> str:
    return (
        f"input partition {partition} begins at offset {start}: whether any of its {naming:,} records with an id "
        f"repeats, voids or replaces one from before that; {undecided:,} are decided otherwise than what is left tells"
    )


def _keyed(batch: Iterable[Record]) -> list[tuple[bytes, bytes | None]]:
    return [(record.key, record.value) for record in batch if record.key is not None]
