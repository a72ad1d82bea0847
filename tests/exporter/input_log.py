"""An input in memory, read page by page."""

from collections.abc import Sequence

from billing.listed_record import Listed, RecordLister
from billing.period import month_calendar
from billing.settings import Settings
from exporter.model.input_pages import InputPage, InputUnavailableError, PageAsked


class MadeUpPages:
    """Lists made-up records; see :class:`exporter.model.input_pages.InputPages`.

    Args:
        log: partition and value of each record; offsets follow from the order.
        most_records: how many records a page reads at most.
    """

    def __init__(self, log: Sequence[tuple[int, bytes]], most_records: int = 1_000_000) -> None:
        self._log, self._most_records = log, most_records
        self.is_away = False

    def read(self, asked: PageAsked) -> InputPage:
        """Return a page.

        Raises:
            InputUnavailableError: the input is away.
        """
        if self.is_away:
            raise InputUnavailableError("the input can't be read: a broker is away")
        settings = Settings()
        lister = RecordLister(settings.event_rules, asked.customer, month_calendar("UTC"))
        offsets, ends, read = dict(asked.offsets), dict[int, int](), 0
        listed: list[Listed] = []
        for partition, value in self._log:
            offset = ends.get(partition, 0)
            ends[partition] = offset + 1
            if not offsets.get(partition, 0) <= offset < asked.ends.get(partition, 0):
                continue
            if read == self._most_records or len(listed) == asked.most:
                return InputPage(listed, offsets)
            read += 1
            offsets[partition] = offset + 1
            one = lister.listed(partition, offset, value, settings.clock.now_ms())
            if one is not None and asked.holds(one):
                listed.append(one)
        return InputPage(listed, {**offsets, **{p: max(offsets.get(p, 0), end) for p, end in asked.ends.items()}})
