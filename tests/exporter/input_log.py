"""An input in memory, read page by page."""

from collections.abc import Sequence

from billing.listed_record import Listed
from billing.period import month_calendar
from billing.settings import Settings
from exporter.model.input_pages import InputPage, InputUnavailableError, PageAsked
from exporter.model.ongoing_list import KeptLists, ListRules


class MadeUpPages:
    """Lists made-up records; see :class:`exporter.model.input_pages.InputPages`.

    Args:
        log: partition and value of each record; offsets follow from the order.
        most_records: how many records a page reads at most.
    """

    def __init__(self, log: Sequence[tuple[int, bytes]], most_records: int = 1_000_000) -> None:
        self._log, self._most_records = log, most_records
        self.is_away = False
        self.forget()

    def forget(self) -> None:
        """Lose what is known of the lists that go on, as at a restart."""
        self._lists = KeptLists(ListRules(Settings().event_rules, month_calendar("UTC"), 35))

    def read(self, asked: PageAsked) -> InputPage:
        """Return a page.

        Raises:
            InputUnavailableError: the input is away.
        """
        if self.is_away:
            raise InputUnavailableError("the input can't be read: a broker is away")
        settings = Settings()
        ongoing = self._lists.take(asked)
        offsets, ends, read = dict(asked.offsets), dict[int, int](), 0
        listed: list[Listed] = []
        for partition, value in self._log:
            offset = ends.get(partition, 0)
            ends[partition] = offset + 1
            if not ongoing.offsets.get(partition, 0) <= offset < asked.ends.get(partition, 0):
                continue
            if offset < offsets.get(partition, 0):
                # Read again, for its id.
                for _ in ongoing.listed(partition, offset, value, settings.clock.now_ms()):
                    pass
                continue
            if read == self._most_records or len(listed) >= asked.most:
                self._lists.keep(asked, offsets, ongoing)
                return InputPage(listed, offsets)
            read += 1
            offsets[partition] = ongoing.offsets[partition] = offset + 1
            found = ongoing.listed(partition, offset, value, settings.clock.now_ms())
            listed += filter(asked.holds, found)
        return InputPage(listed, {**offsets, **{p: max(offsets.get(p, 0), end) for p, end in asked.ends.items()}})
