"""Closes the months whose time has come, one after the other.

When a month is due: :func:`next_month` says which one comes next, :mod:`invoicer.input_watch` what is known of each
input partition, and :func:`invoicer.due.decide` whether that is enough.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from billing.clock import Clock, SystemClock
from billing.local_time import END_YEAR
from billing.period import MonthCalendar, add_months
from billing.runtime.logs import get_logger
from billing.runtime.signals import StopFlag
from invoicer.accounts import Accounts
from invoicer.closer import Closer, Outcome
from invoicer.due import ClosingRule, Decision, DueState, PartitionState, decide
from invoicer.input_watch import InputWatch
from invoicer.metrics import InvoicerMetrics

logger = get_logger(__name__)

LAST_MONTH = f"{END_YEAR - 1}-12"


@dataclass
class Months:
    """Decides which month is to be closed, and closes it.

    Args:
        closer: closes one.
        calendar: when a month ends.
        rule: how long it stays open after that.
        clock: what counts as now.
        watch: tells the state of the input partitions.
        catch_up: reads what the processor has committed into the accounts; says whether that succeeded in time.
        before_close: told of each month before anything of it is written.
        metrics: told of each close.
        wall_clock: what silence is measured by.
    """

    closer: Closer
    calendar: MonthCalendar
    rule: ClosingRule
    clock: Clock
    watch: InputWatch
    catch_up: Callable[[StopFlag], bool]
    before_close: Callable[[str], None]
    metrics: InvoicerMetrics
    wall_clock: Clock = field(default_factory=SystemClock)
    _told: tuple[str, Decision] | None = None

    def close_due(self, stop: StopFlag, last: str = LAST_MONTH) -> None:
        """Close every month up to `last` that is due, oldest first. One that was begun is due.

        Raises:
            OperatorError: the ledger could not be written, the broker does not answer, or totals are lost.
        """
        states = self._observe()
        while not stop.requested and (month := next_month(self.closer.accounts)) and month <= last:
            if not self._is_begun(month):
                decision = self._decide(month, states)
                self._tell(month, decision)
                if decision.state is not DueState.DUE or not self.catch_up(stop):
                    return
                if next_month(self.closer.accounts) != month:
                    continue
            if not self.closer.accounts.check_totals():
                return
            if self._close(month, stop) is Outcome.INTERRUPTED:
                return

    def close_up_to(self, last: str, stop: StopFlag) -> bool:
        """Close a month and the open ones before it, due or not; say whether that is done.

        Raises:
            OperatorError: the ledger could not be written, the broker does not answer, or totals are lost.
        """
        if not self.catch_up(stop):
            return False
        while not stop.requested:
            month = next_month(self.closer.accounts)
            if month is None or month > last:
                return True
            if self.closer.accounts.check_totals():
                self._close(month, stop)
            elif not self.catch_up(stop):
                return False
        return False

    def decision(self, month: str) -> Decision:
        """Return whether a month is due now.

        Raises:
            KafkaUnavailableError: the broker does not answer.
        """
        return self._decide(month, self._observe())

    def _observe(self) -> list[PartitionState]:
        wall_ms = self.wall_clock.now_ms()
        states = self.watch.observe(self.closer.accounts.progress, wall_ms)
        accounts = self.closer.accounts
        open_months = [month for month in accounts.months if month > accounts.last_closed]
        due = [month for month in open_months if self._decide(month, states).state is not DueState.OPEN]
        self.metrics.months_due.set(len(due))
        self.metrics.last_check.set(wall_ms / 1_000)
        return states

    def _decide(self, month: str, states: list[PartitionState]) -> Decision:
        _, end_ms = self.calendar.bounds_ms(month)
        return decide(end_ms, states, self.clock.now_ms(), self.rule)

    def _tell(self, month: str, decision: Decision) -> None:
        """Log what holds a month up, once."""
        if decision.state is DueState.HELD_UP and self._told != (month, decision):
            tell_what_holds_up(month, decision)
        self._told = (month, decision)

    def _is_begun(self, month: str) -> bool:
        half_closed = self.closer.accounts.half_closed
        return half_closed is not None and half_closed.month == month

    def _close(self, month: str, stop: StopFlag) -> Outcome:
        began = time.monotonic()
        before = self.closer.accounts.half_closed
        self.before_close(month)
        with self.metrics.closing.track_inprogress():
            outcome = self.closer.close(month, stop)
        if outcome is Outcome.CLOSED:
            close = self.closer.accounts.closes[month]
            seconds = time.monotonic() - began
            self.metrics.months_closed.inc()
            self.metrics.close_duration.observe(seconds)
            logger.info(
                "month closed",
                month=month,
                invoices=close.invoices,
                total_minor=close.total_minor,
                currency=close.currency,
                seconds=round(seconds, 1),
            )
        now = self.closer.accounts.closes.get(month) or self.closer.accounts.half_closed
        self.metrics.invoices_issued.inc((now.invoices if now else 0) - (before.invoices if before else 0))
        return outcome


def tell_what_holds_up(month: str, decision: Decision) -> None:
    """Log what holds a month up: partitions that are counted, and those of the input whose records are to be moved."""
    counted, unmoved = (",".join(map(str, partitions)) for partitions in (decision.held_up_by, decision.unmoved))
    if counted:
        logger.info("month is held up", month=month, input_partitions=counted)
    if unmoved:
        logger.info("month is held up by records to be moved", month=month, unmoved_partitions=unmoved)


def next_month(accounts: Accounts) -> str | None:
    """Return the month to be closed next, None if there is nothing to close.

    Months close in order: one that was begun is ended first; then comes the oldest month with events after the
    newest closed one. A month that nobody had an event in is passed over. If there is no later month, and something
    came late for closed ones, the month after the newest closed one bills it.
    """
    if accounts.half_closed:
        return accounts.half_closed.month
    last = accounts.last_closed
    later = [month for month in accounts.months if month > last]
    if later:
        return later[0]
    if last and accounts.has_open(last):
        return add_months(last, 1)
    return None
