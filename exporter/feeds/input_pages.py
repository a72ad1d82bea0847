"""Reads the input for one customer's records, so much at once and no more."""

import time
from collections.abc import Callable, Iterable

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

from billing.errors import OperatorError
from billing.listed_record import Listed, Sent
from billing.moved_record import counted_place
from billing.period import month_calendar
from billing.runtime.fetching import swift
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings
from exporter.model.input_pages import InputPage, InputUnavailableError, PageAsked
from exporter.model.ongoing_list import KeptLists, ListRules, OngoingList

# Of one page: who wants more asks again, and nobody waits for long.
MOST_SECONDS = 2.0
MOST_RECORDS = 500_000


class KafkaInputPages:
    """Reads each page with a consumer of its own, which begins where the page does.

    What a list has learned from the pages before, it keeps. Where that is gone, such as after a restart, it reads them
    again first: pages are empty meanwhile, and begin where they began.

    Args:
        settings: where the broker is, the topics, and what an event must keep to.
        clock: seconds of a monotonic clock.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        calendar = month_calendar(settings.time_zone)
        self._lists = KeptLists(ListRules(settings.event_rules, calendar, settings.dedup_window_days))

    def read(self, asked: PageAsked) -> InputPage:
        """Return a page; see :class:`exporter.model.input_pages.InputPages`.

        Raises:
            InputUnavailableError: the input can't be read now.
        """
        ongoing, deadline = self._lists.take(asked), self._clock() + MOST_SECONDS
        page = _Page(asked, ongoing, self._settings.clock.now_ms())
        if page.is_done:
            return page.made()
        try:
            if not ongoing.rejected.is_whole:
                self._read_rejected(asked, ongoing, deadline)
            if ongoing.rejected.is_whole:
                self._read_input(page, deadline)
        except KafkaException as error:
            raise InputUnavailableError(f"the input can't be read: {error.args[0].str()}") from error
        except OperatorError as error:
            raise InputUnavailableError(str(error)) from error
        made = page.made()
        self._lists.keep(asked, made.offsets, ongoing)
        return made

    def _read_input(self, page: "_Page", deadline: float) -> None:
        settings, partitions = self._settings, max(page.asked.ends) + 1
        starts = {partition: page.start(partition) for partition in range(partitions)}
        with TopicReader(settings, settings.counted_topic, partitions, starts, swift(settings)) as reader:
            while not page.is_done and page.records < MOST_RECORDS and self._clock() < deadline:
                page.take(reader.poll())
                if not page.is_full:
                    page.reach(reader.next_offsets.items())

    def _read_rejected(self, asked: PageAsked, ongoing: OngoingList, deadline: float) -> None:
        """Take down why records of the customer were rejected, as far as there is time."""
        settings, rejected = self._settings, ongoing.rejected
        topic, bounds = settings.rejected_topic, PartitionBounds(settings)
        self._check_ends(bounds, asked)
        partitions = bounds.partitions(topic)
        ends = bounds.log_ends(topic, range(partitions))
        starts = {partition: offset for partition, offset in rejected.next_offsets.items() if offset}
        with TopicReader(settings, topic, partitions, starts, swift(settings)) as reader:
            rejected.reach(starts, ends)
            while not rejected.is_whole and self._clock() < deadline:
                for record in reader.poll():
                    _note_rejected(record, settings, ongoing)
                rejected.reach(reader.next_offsets, ends)

    def _check_ends(self, bounds: PartitionBounds, asked: PageAsked) -> None:
        topic = self._settings.counted_topic
        found = bounds.log_ends(topic, asked.ends)
        for partition, end in asked.ends.items():
            if end > found[partition]:
                raise InputUnavailableError(
                    f"the input can't be read: {topic}[{partition}] ends at offset {found[partition]}, but the number "
                    f"counts up to {end}"
                )


def _note_rejected(record: Record, settings: Settings, ongoing: OngoingList) -> None:
    """Take down a rejected record of the customer that would be right by itself today.

    What tells its place are its headers; one of another topic, or that tells no place, is none of ours.
    """
    if not isinstance(ongoing.lister.read(0, 0, record.value, settings.clock.now_ms()), Sent):
        return
    headers = dict(record.headers)
    place = counted_place(headers, settings.input_topic)
    if place is not None:
        reason = headers.get("reason", b"").decode("utf-8", "replace")
        ongoing.rejected.reasons[place.partition, place.offset] = reason


class _Page:
    """A page that is being read."""

    def __init__(self, asked: PageAsked, ongoing: OngoingList, now_ms: int) -> None:
        self.asked = asked
        self.records = 0
        self._ongoing, self._now_ms = ongoing, now_ms
        self._listed: list[Listed] = []

    @property
    def is_full(self) -> bool:
        return len(self._listed) >= self.asked.most

    @property
    def is_done(self) -> bool:
        return self.is_full or all(self._offset(p) >= end for p, end in self.asked.ends.items())

    def start(self, partition: int) -> int:
        """Return where a reader is to begin."""
        offset = self._offset(partition)
        if offset >= self.asked.ends.get(partition, 0):
            return int(OFFSET_END)
        return offset or int(OFFSET_BEGINNING)

    def take(self, records: Iterable[Record]) -> None:
        """Take records in, until the page is full; the others come with the next one."""
        for record in records:
            if self.is_full:
                return
            self.records += 1
            if self._offset(record.partition) <= record.offset < self.asked.ends.get(record.partition, 0):
                self._take(record)

    def _take(self, record: Record) -> None:
        for one in self._ongoing.listed(record.partition, record.offset, record.value, self._now_ms):
            if self.asked.holds(one) and record.offset >= self.asked.offsets.get(record.partition, 0):
                self._listed.append(one)
        self._ongoing.offsets[record.partition] = record.offset + 1

    def reach(self, offsets: Iterable[tuple[int, int]]) -> None:
        """Note how far is read: where markers or compacted records lie, nothing comes."""
        for partition, offset in offsets:
            end = self.asked.ends.get(partition, 0)
            if self._offset(partition) < end:
                self._ongoing.offsets[partition] = max(self._offset(partition), min(offset, end))

    def made(self) -> InputPage:
        """Return the page."""
        begun = self.asked.offsets
        return InputPage(self._listed, {p: max(self._offset(p), begun.get(p, 0)) for p in {*self.asked.ends, *begun}})

    def _offset(self, partition: int) -> int:
        """Return how far a partition is read; one that the list is through with need not be read again."""
        begun, end = self.asked.offsets.get(partition, 0), self.asked.ends.get(partition, 0)
        return begun if begun >= end else self._ongoing.offsets.get(partition, 0)
