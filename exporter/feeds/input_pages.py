"""Reads the input for one customer's records, so much at once and no more."""

import time
from collections.abc import Callable, Iterable

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

from billing.errors import OperatorError
from billing.listed_record import Listed, RecordLister
from billing.period import month_calendar
from billing.runtime.fetching import swift
from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings
from exporter.model.input_pages import InputPage, InputUnavailableError, PageAsked

# Of one page: who wants more asks again, and nobody waits for long.
MOST_SECONDS = 2.0
MOST_RECORDS = 500_000


class KafkaInputPages:
    """Reads each page with a consumer of its own, which begins where the page does.

    Args:
        settings: where the broker is, the topic, and what an event must keep to.
        clock: seconds of a monotonic clock.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock

    def read(self, asked: PageAsked) -> InputPage:
        """Return a page; see :class:`exporter.model.input_pages.InputPages`.

        Raises:
            InputUnavailableError: the input can't be read now.
        """
        page = _Page(self._settings, asked)
        if page.is_done:
            return page.made()
        try:
            with self._reader(page) as reader:
                self._read(reader, page)
        except KafkaException as error:
            raise InputUnavailableError(f"the input can't be read: {error.args[0].str()}") from error
        except OperatorError as error:
            raise InputUnavailableError(str(error)) from error
        return page.made()

    def _reader(self, page: "_Page") -> TopicReader:
        settings, partitions = self._settings, max(page.asked.ends) + 1
        starts = {partition: page.start(partition) for partition in range(partitions)}
        return TopicReader(settings, settings.input_topic, partitions, starts, swift(settings))

    def _read(self, reader: TopicReader, page: "_Page") -> None:
        deadline = self._clock() + MOST_SECONDS
        while not page.is_done and page.records < MOST_RECORDS and self._clock() < deadline:
            page.take(reader.poll())
            if not page.is_full:
                page.reach(reader.next_offsets.items())


class _Page:
    """A page that is being read."""

    def __init__(self, settings: Settings, asked: PageAsked) -> None:
        self.asked = asked
        self.records = 0
        self._offsets = dict(asked.offsets)
        self._listed: list[Listed] = []
        self._lister = RecordLister(settings.event_rules, asked.customer, month_calendar(settings.time_zone))
        self._now_ms = settings.clock.now_ms()

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
            if not self._offset(record.partition) <= record.offset < self.asked.ends.get(record.partition, 0):
                continue
            self._offsets[record.partition] = record.offset + 1
            one = self._lister.listed(record.partition, record.offset, record.value, self._now_ms)
            if one is not None and self.asked.holds(one):
                self._listed.append(one)

    def reach(self, offsets: Iterable[tuple[int, int]]) -> None:
        """Note how far is read: where markers or compacted records lie, nothing comes."""
        for partition, offset in offsets:
            end = self.asked.ends.get(partition, 0)
            if self._offset(partition) < end:
                self._offsets[partition] = max(self._offset(partition), min(offset, end))

    def made(self) -> InputPage:
        """Return the page."""
        return InputPage(self._listed, self._offsets)

    def _offset(self, partition: int) -> int:
        return self._offsets.get(partition, 0)
