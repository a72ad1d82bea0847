"""Starts the invoicer: as a service that closes months as they become due, for one month by hand, or to preview."""

import argparse
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Self

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from billing.claim import Claim
from billing.clock import Clock
from billing.errors import OperatorError
from billing.period import format_timestamp, month_calendar, parse_month
from billing.runtime.access.access import make_access
from billing.runtime.kafka import KafkaUnavailableError
from billing.runtime.ledger_writer import LedgerLostError
from billing.runtime.logs import get_logger
from billing.runtime.part_server import Listening, part_served
from billing.runtime.pulse import KafkaProbe, Pulse
from billing.runtime.signals import Stop, stop_on_signals
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings
from billing.subtotal import RecordError
from invoicer.close_display import CloseReporter
from invoicer.due import DueState
from invoicer.files.background import BackgroundFiles
from invoicer.metrics import InvoicerMetrics
from invoicer.months import LAST_MONTH, next_month
from invoicer.preview import PreviewWriter
from invoicer.session import TOPICS, Listeners, Session, open_preview, open_session
from invoicer.steps import Step, Steps, ask_before_writing, ignore_step

logger = get_logger(__name__)

EXIT_DONE = 0
EXIT_FAILED = 1
# The service asks again and again, and a stop should not wait long for an answer.
ANSWER_SECONDS = 5.0
PAUSE_AFTER_LOSS_SECONDS = 5.0
# What reading a topic of millions of records anew takes.
LEAST_SILENT_SECONDS = 300.0
# How long an invoicer that another one has taken over from may not know it.
CONFIRM_SECONDS = 15.0
TRIES_BY_HAND = 5


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Args:
        month: close up to this month and stop; None runs the service.
        now: do not wait for the month to be due.
        dry_run: show what would be issued, and issue nothing.
    """

    month: str | None
    now: bool
    dry_run: bool

    @classmethod
    def parse(cls, arguments: argparse.Namespace) -> Self:
        """Return what the arguments ask for.

        Raises:
            OperatorError: they make no sense.
        """
        try:
            month = parse_month(arguments.month) if arguments.month else None
        except ValueError as error:
            raise OperatorError(f"--month: {error}") from None
        if arguments.now and month is None:
            raise OperatorError("--now closes one month by hand: name it with --month YYYY-MM")
        return cls(month, arguments.now, arguments.dry_run)


def run(settings: Settings, arguments: argparse.Namespace, steps: Steps = ignore_step) -> int:
    """Close months until SIGINT or SIGTERM, or the one that the arguments name. Returns the exit code.

    Raises:
        OperatorError: something that a person has to mend; nothing was billed twice.
    """
    request = Request.parse(arguments)
    if request.month and not request.dry_run:
        _require_begun(request.month, settings)
    try:
        with stop_on_signals() as stop, CloseReporter() as report, ExitStack() as resources:
            if request.dry_run:
                return preview(settings, request.month, stop)
            registry = CollectorRegistry()
            topics = resources.enter_context(TopicWatch(settings, TOPICS, registry))
            listeners = Listeners(InvoicerMetrics(registry), report, ask_before_writing(steps, topics.raise_refusal))
            if request.month:
                return close_by_hand(settings, request.month, request.now, listeners, stop)
            access = make_access(settings, registry)
            pulse = Pulse("closing", max(LEAST_SILENT_SECONDS, 3 * settings.check_interval_seconds))
            kafka = resources.enter_context(KafkaProbe(settings, settings.subtotals_topic))
            at = Listening("invoicer", settings.invoicer_host, settings.invoicer_port, settings.allowed_hosts)
            with part_served(registry, lambda: [kafka.check(), pulse.check()], at, access):
                return serve(settings, beating(listeners, pulse), stop, pulse)
    except RecordError as error:
        raise OperatorError(f"a record that cannot be read: {error}") from error
    except KafkaException as error:
        raise OperatorError(f"Kafka refuses: {error.args[0].str()}") from error


def serve(settings: Settings, listeners: Listeners, stop: Stop, pulse: Pulse) -> int:
    """Close months as they become due and keep their files complete, until asked to stop.

    A session that loses the ledger or the broker is followed by another, which reads the ledger anew. The pulse is
    told of both.

    Raises:
        FencedError: a newer invoicer has taken over.
        KafkaException: the broker refuses the first session; what has worked once may work again.
        OperatorError: something else that a person has to mend.
    """
    has_run = False
    claim = Claim(settings.invoices_topic)
    while not stop.requested:
        try:
            with (
                open_session(settings, listeners, claim, stop, ANSWER_SECONDS) as session,
                BackgroundFiles(session.files, stop) as files,
            ):
                has_run = True
                logger.info("invoicer runs", ledger=settings.invoices_topic, output=settings.output)
                confirm_at = 0.0
                while not stop.requested:
                    pulse.beat()
                    session.months.close_due(stop)
                    if time.monotonic() >= confirm_at:
                        session.confirm()
                        confirm_at = time.monotonic() + CONFIRM_SECONDS
                    files.start_if_due(session.accounts.closes)
                    _read_until(session, time.monotonic() + settings.check_interval_seconds, stop)
        except (LedgerLostError, KafkaUnavailableError, KafkaException) as error:
            if isinstance(error, KafkaException) and not has_run:
                raise
            logger.warning("session lost, starting anew", error=error)
            pulse.fail(str(error))
            _wait(PAUSE_AFTER_LOSS_SECONDS, stop)
    logger.info("invoicer stopped")
    return EXIT_DONE


def beating(listeners: Listeners, pulse: Pulse) -> Listeners:
    """Return listeners that tell a pulse of each step too: a month of a million customers takes its time."""

    def tell(step: Step) -> None:
        pulse.beat()
        listeners.steps(step)

    return replace(listeners, steps=tell)


def close_by_hand(settings: Settings, month: str, now: bool, listeners: Listeners, stop: Stop) -> int:
    """Close a month and the open ones before it, write their files, and return.

    Args:
        settings: all of them.
        month: the last one to close.
        now: whether to close it though it is not due.
        listeners: who is told.
        stop: ends it early; then the exit code says that it is not done.

    Raises:
        OperatorError: something that a person has to mend.
    """
    claim = Claim(settings.invoices_topic)
    for tries_left in range(TRIES_BY_HAND - 1, -1, -1):
        try:
            return _close_in_session(settings, month, now, listeners, claim, stop)
        except LedgerLostError as error:
            if not tries_left or stop.requested:
                raise
            logger.warning("session lost, starting anew", error=error)
            _wait(1.0, stop)
    return EXIT_FAILED


def _close_in_session(settings: Settings, month: str, now: bool, listeners: Listeners, claim: Claim, stop: Stop) -> int:
    with open_session(settings, listeners, claim, stop) as session:
        while not stop.requested:
            done = _close_now(session, month, stop) if now else _close_if_due(session, month, stop)
            if session.files.keep(session.accounts.closes, stop) and done:
                session.confirm()
                _tell_closed(session, month)
                return EXIT_DONE
            _read_until(session, time.monotonic() + settings.check_interval_seconds, stop)
    return EXIT_FAILED


def preview(settings: Settings, month: str | None, stop: Stop) -> int:
    """Show what closing a month (None: the next one) and the open ones before it would issue now.

    Raises:
        OperatorError: something that a person has to mend.
    """
    with open_preview(settings, PreviewWriter(), stop) as session:
        last = month or next_month(session.accounts)
        if last is None or (next_month(session.accounts) or LAST_MONTH) > last:
            logger.info("nothing to bill", month=last or "any")
            return EXIT_DONE
        state = session.months.decision(last).state
        logger.info("preview", month=last, due="yes" if state is DueState.DUE else f"no, {state.value}")
        while not stop.requested and (following := next_month(session.accounts)) and following <= last:
            session.months.closer.close(following, stop)
        return EXIT_FAILED if stop.requested else EXIT_DONE


def _close_now(session: Session, month: str, stop: Stop) -> bool:
    return session.months.close_up_to(month, stop)


def _close_if_due(session: Session, month: str, stop: Stop) -> bool:
    session.months.close_due(stop, month)
    following = next_month(session.accounts)
    return session.accounts.last_closed >= month or following is None or following > month


def _read_until(session: Session, deadline: float, stop: Stop) -> None:
    """Keep the accounts up to date until a time of :func:`time.monotonic`, or until asked to stop."""
    while not stop.requested and (left := deadline - time.monotonic()) > 0:
        session.feed.poll(min(0.2, left))


def _wait(seconds: float, stop: Stop) -> None:
    deadline = time.monotonic() + seconds
    while not stop.requested and time.monotonic() < deadline:
        time.sleep(0.1)


def _require_begun(month: str, settings: Settings) -> None:
    """Refuse a month of the future: closing it would keep every month before it from closing."""
    clock: Clock = settings.clock
    start_ms, end_ms = month_calendar(settings.time_zone).bounds_ms(month)
    if clock.now_ms() < start_ms:
        raise OperatorError(f"{month} has not begun: it starts at {format_timestamp(start_ms)}")
    if clock.now_ms() < end_ms:
        logger.warning("month is not over, what comes for it later will be adjustments", month=month)


def _tell_closed(session: Session, month: str) -> None:
    if month in session.accounts.closes:
        logger.info("month is closed", month=month)
    else:
        logger.info("nothing to bill, not closed", month=month)
