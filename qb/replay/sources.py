"""Reads what a replay compares: the live subtotals, what was rejected by the clock, and the input."""

from dataclasses import dataclass

from billing.errors import OperatorError
from billing.period import month_calendar
from billing.settings import Settings
from billing.subtotal import RecordError
from processor.fold import FoldRules
from processor.id_table import IdLimits
from processor.once import OnceRules
from qb.explain.input import InputScan
from qb.explain.reading_display import ReadingDisplay
from qb.explain.topics import TopicScan
from qb.reading.topics import Topics
from qb.replay.difference import Differences, Recounted
from qb.replay.live import LiveSums
from qb.replay.months import Concerned, concerned_by
from qb.replay.recount import Recount
from qb.replay.rejected import BY_CLOCK, FOR_THEMSELVES, RejectedPlaces
from qb.replay.scratch_store import scratch_store
from qb.replay.unmoved import UnmovedInput

ANEW_RUNBOOK = "docs/runbook.md#state-and-offsets"
DELETED_RUNBOOK = "docs/runbook.md#replay-deleted"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody vouches for who asks for a replay.

    Args:
        deleted: that input records that are deleted were of other months.
        rejected: that rejected records were not sent again, so that those count that the rules accept.
    """

    deleted: bool = False
    rejected: bool = False


@dataclass(frozen=True)
class Found:
    """What was read for a replay.

    Args:
        concerned: what is replayed.
        live: the live sums.
        recounted: the recount.
        ends: input partition -> offset up to which adjustments were looked for.
        deleted: input partition -> where it begins, if records before that are deleted.
    """

    concerned: Concerned
    live: LiveSums
    recounted: Recounted
    ends: dict[int, int]
    deleted: dict[int, int]

    def differences(self) -> Differences:
        """Return what differs."""
        return Differences(self.concerned, self.live, self.recounted)


class Sources:
    """What is read for one replay.

    Args:
        settings: the topics, and the rules of the replay.
        display: told of what is read, and looks whether to stop.
        allowed: what somebody has vouched for.

    Raises:
        OperatorError: no broker answers, or a topic is missing; every method may raise it.
    """

    def __init__(self, settings: Settings, display: ReadingDisplay, allowed: Allowed) -> None:
        self._settings, self._display, self._allowed = settings, display, allowed
        self._topics = Topics(settings)
        self._partitions = self._topics.wanted(settings.counted_topic)
        self._now_ms = settings.clock.now_ms()

    def read(self, month: str) -> Found:
        """Read everything that a replay of a month needs.

        Raises:
            OperatorError: the input is not what is live counts, or its beginning is deleted.
            StoppedError: somebody asked to stop.
            KafkaException: the broker refuses.
        """
        deleted = self._deleted(month)
        live = self._live(month)
        concerned = self._concerned(month, live.time_zone())
        unmoved = UnmovedInput(self._settings, self._topics, self._display)
        ends = self._ends(live)
        recounted = self._recount(concerned, live, ends, unmoved)
        # Records may have been deleted while it was read.
        deleted |= self._deleted(month)
        return Found(concerned, live, recounted, ends, deleted)

    def _concerned(self, month: str, live_zone: str) -> Concerned:
        try:
            return concerned_by(month, month_calendar(live_zone), month_calendar(self._settings.time_zone))
        except KeyError:
            raise OperatorError(
                f"month {month} has no neighbours that are known: choose a later or earlier one"
            ) from None

    def _deleted(self, month: str) -> dict[int, int]:
        topic = self._settings.counted_topic
        deleted = {partition: start for partition, start in self._topics.starts(topic).items() if start > 0}
        if deleted and not self._allowed.deleted:
            partition, start = min(deleted.items())
            raise OperatorError(
                f"{topic}[{partition}] begins at offset {start}: what was before is deleted and may be of {month}, "
                f"which would then be credited; if you know that it is not, say --accept-deleted, see {DELETED_RUNBOOK}"
            )
        return deleted

    def _live(self, month: str) -> LiveSums:
        topic = self._settings.subtotals_topic
        self._topics.wanted(topic)
        live = LiveSums(month, self._partitions)
        try:
            with TopicScan(self._settings, self._topics, topic, self._display) as scan:
                # Twice: a record that was compacted away while the first was under way has a newer one by now.
                for _ in range(2):
                    for block in scan.to_now():
                        live.read(block)
        except RecordError as error:
            raise OperatorError(f"a record of {topic} cannot be read: {error}") from None
        return live

    def _ends(self, live: LiveSums) -> dict[int, int]:
        """Return how far the input is read: to where it ends now, open transactions included, lest one be missed."""
        topic = self._settings.counted_topic
        ends = self._topics.ends(topic)
        for partition, end in live.next_offsets.items():
            if end > ends.get(partition, 0):
                raise OperatorError(
                    f"{topic}[{partition}] ends at offset {ends.get(partition, 0)}, but what is live counts up to "
                    f"{end}: the input was made anew or is another; see {ANEW_RUNBOOK}"
                )
        return ends

    def _recount(self, concerned: Concerned, live: LiveSums, ends: dict[int, int], unmoved: UnmovedInput) -> Recounted:
        rules, rejected = self._rules(), self._rejected()
        self._display.begin(self._topics.starts(self._settings.counted_topic), ends)
        with scratch_store() as store:
            recount = Recount(rules, concerned, live.next_offsets, rejected, store, self._now_ms)
            for block in InputScan(self._settings, self._partitions, ends, self._display).blocks():
                for records in block.by_partition():
                    recount.count(records)
            for records in unmoved.records():
                recount.note_unmoved(records)
            return recount.found()

    def _rules(self) -> FoldRules:
        settings = self._settings
        return FoldRules(
            events=settings.event_rules,
            calendar=month_calendar(settings.time_zone),
            # Nobody asks how many events were late.
            out_of_orderness_ms=0,
            once=OnceRules(
                settings.dedup_window_days, limits=IdLimits(settings.dedup_memory_bytes, settings.dedup_cache_bytes)
            ),
        )

    def _rejected(self) -> RejectedPlaces:
        settings, reasons = self._settings, BY_CLOCK if self._allowed.rejected else FOR_THEMSELVES
        places = RejectedPlaces(settings.event_rules, settings.input_topic, reasons)
        with TopicScan(settings, self._topics, settings.rejected_topic, self._display) as scan:
            for block in scan.to_now():
                places.read(block, self._now_ms)
        return places
