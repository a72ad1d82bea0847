"""The feed of ``--standalone``: a made-up business, told in the records that the processor and the invoicer write.

The past months are told at once and are closed, except the newest; from then on events come by the second. Whole
hours follow from the seed and the clock, so two starts at the same time tell the same past.
"""

import threading
from collections.abc import Iterable

from billing.local_time import MS_PER_HOUR
from billing.period import month_calendar
from billing.settings import Settings
from exporter.feeds.made_up import EVENTS_PER_HOUR, Business, first_hour_ms
from exporter.feeds.made_up_data import TICK_SECONDS, MadeUpData
from exporter.model.input_ends import InputEnds
from exporter.model.read_model import ReadModel


class StandaloneFeed:
    """Feeds a read model with a made-up business.

    Args:
        settings: types, seed, clock, time zone.
        model: what is fed.
    """

    def __init__(self, settings: Settings, model: ReadModel) -> None:
        self.input_ends = InputEnds(True, "made-up data: no broker is needed")
        self._settings = settings
        self._model = model
        self._calendar = month_calendar(settings.time_zone)
        self._business = Business(settings.seed, settings.types)
        self._data = MadeUpData(settings)
        self._hour_ms = first_hour_ms(self._calendar, settings.clock.now_ms())
        self._events = 0

    def run(self, stop: threading.Event) -> None:
        """Tell the past, then the present until `stop` is set."""
        while True:
            self.tick()
            self._model.caught_up()
            if stop.wait(TICK_SECONDS):
                return

    def tick(self) -> None:
        """Tell what has happened since the last time."""
        now_ms = self._settings.clock.now_ms()
        while self._hour_ms + MS_PER_HOUR <= now_ms:
            self._finish_hour()
        wanted = (now_ms - self._hour_ms) * EVENTS_PER_HOUR // MS_PER_HOUR
        self._happen(self._hour_ms, range(self._events, wanted))
        self._events = max(self._events, wanted)
        self._model.apply(self._data.commit(now_ms))
        self._close_months(now_ms)
        self._model.tick()
        self.input_ends = InputEnds(True, self.input_ends.message, self._data.ends())

    def _finish_hour(self) -> None:
        """Go on to the next hour. One that was begun by events is ended by events; others are told as a whole."""
        if self._events:
            self._happen(self._hour_ms, range(self._events, EVENTS_PER_HOUR))
        else:
            self._data.sell(self._hour_ms + MS_PER_HOUR - 1, self._business.hour(self._hour_ms))
        self._hour_ms, self._events = self._hour_ms + MS_PER_HOUR, 0

    def _happen(self, hour_ms: int, numbers: Iterable[int]) -> None:
        for number in numbers:
            event_ms = hour_ms + number * MS_PER_HOUR // EVENTS_PER_HOUR
            self._data.sell(event_ms, [self._business.event(hour_ms, number)])

    def _close_months(self, now_ms: int) -> None:
        due_ms = now_ms - int(self._settings.out_of_orderness_seconds * 1_000)
        for month in self._data.open_months():
            if self._calendar.bounds_ms(month)[1] <= due_ms:
                self._model.apply_invoices(self._data.close(month, self._calendar.bounds_ms(month)[1]))
