"""Starts `qb budgets`: decides which thresholds were crossed, as subtotals come, until it is asked to stop."""

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from billing.claim import Claim
from billing.client_names import BUDGETS
from billing.clock import SystemClock
from billing.errors import OperatorError
from billing.period import month_calendar
from billing.runtime.access.access import make_access
from billing.runtime.kafka import KafkaUnavailableError, ensure_topics
from billing.runtime.ledger_writer import LedgerLostError, LedgerWriter, WriteStep, WriteSteps, ignore_write_step
from billing.runtime.logs import get_logger
from billing.runtime.part_server import Listening, part_served
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.pulse import KafkaProbe, Pulse
from billing.runtime.signals import Stop, stop_on_signals
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings
from billing.subtotal import RecordError
from budgets.feeds import KafkaLedgerReader, KafkaSubtotalsFeed
from budgets.ledger import Ledger
from budgets.metrics import BudgetMetrics
from budgets.session import DecidingSession, open_session

logger = get_logger(__name__)

EXIT_DONE = 0
TOPICS = ("subtotals", "notifications")
RUNBOOK = "docs/runbook.md#fenced-budgets"
ANSWER_SECONDS = 5.0
PAUSE_AFTER_LOSS_SECONDS = 2.0
LEAST_SILENT_SECONDS = 300.0
# How long one that another has taken over from may not know it.
CLAIM_SECONDS = 15.0
SHOW_SECONDS = 1.0


def run(settings: Settings, _arguments: argparse.Namespace, steps: WriteSteps = ignore_write_step) -> int:
    """Decide until SIGINT or SIGTERM. Returns the exit code.

    Raises:
        OperatorError: something that a person has to mend; nothing was told twice.
    """
    if not settings.budgets:
        raise OperatorError("no budget is set: list some under `budgets` in the YAML file, see docs/budgets.md")
    try:
        with stop_on_signals() as stop, ExitStack() as resources:
            registry = CollectorRegistry()
            access = make_access(settings, registry)
            metrics = BudgetMetrics(registry, settings.budgets, settings.currency, lambda: current_month(settings))
            topics = resources.enter_context(TopicWatch(settings, TOPICS, registry))
            pulse = Pulse("deciding", LEAST_SILENT_SECONDS)
            kafka = resources.enter_context(KafkaProbe(settings, settings.subtotals_topic))

            def tell(step: WriteStep) -> None:
                if step is WriteStep.RECORDS_SENT:
                    topics.raise_refusal()
                pulse.beat()
                steps(step)

            at = Listening("budgets", settings.budgets_host, settings.budgets_port, settings.allowed_hosts)
            with part_served(registry, lambda: [kafka.check(), pulse.check()], at, access):
                return serve(settings, metrics, tell, stop, pulse)
    except RecordError as error:
        raise OperatorError(f"a record that cannot be read: {error}") from error
    except KafkaException as error:
        raise OperatorError(f"Kafka refuses: {error.args[0].str()}") from error


def serve(settings: Settings, metrics: BudgetMetrics, steps: WriteSteps, stop: Stop, pulse: Pulse) -> int:
    """Decide until asked to stop. A session that loses the ledger or the broker is followed by another.

    Raises:
        FencedError: a newer one has taken over.
        KafkaException: the broker refuses the first session; what has worked once may work again.
        OperatorError: something else that a person has to mend.
    """
    has_run = False
    claim = Claim(settings.notifications_topic, who="qb budgets", runbook=RUNBOOK)
    while not stop.requested:
        try:
            with kafka_session(settings, claim, steps, stop, pulse, metrics) as session:
                has_run = True
                logger.info("budgets are watched", budgets=len(settings.budgets), ledger=settings.notifications_topic)
                _decide(session, metrics, stop, pulse)
        except (LedgerLostError, KafkaUnavailableError, KafkaException) as error:
            if isinstance(error, KafkaException) and not has_run:
                raise
            logger.warning("session lost, starting anew", error=error)
            pulse.fail(str(error))
            metrics.sessions_lost.inc()
            _wait(PAUSE_AFTER_LOSS_SECONDS, stop)
    logger.info("budgets are no longer watched")
    return EXIT_DONE


@contextmanager
def kafka_session(
    settings: Settings, claim: Claim, steps: WriteSteps, stop: Stop, pulse: Pulse, metrics: BudgetMetrics
) -> Iterator[DecidingSession]:
    """Take the ledger over on Kafka, as :func:`budgets.session.open_session` does."""
    partitions = ensure_topics(settings, TOPICS, ANSWER_SECONDS)
    bounds, clock = PartitionBounds(settings), SystemClock()
    with ExitStack() as resources:
        notifications, subtotals = partitions["notifications"], partitions["subtotals"]
        reader = resources.enter_context(closing(KafkaLedgerReader(settings, notifications, bounds, pulse.beat)))
        writer = resources.enter_context(
            closing(LedgerWriter(settings, settings.notifications_topic, BUDGETS, steps, stop))
        )
        feed = resources.enter_context(
            closing(KafkaSubtotalsFeed(settings, subtotals, bounds, stop, pulse.beat, clock.now_ms))
        )
        yield open_session(
            ledger=Ledger(reader, writer, metrics.count),
            feed=feed,
            claim=claim,
            budgets=settings.budgets,
            currency=settings.currency,
            month=lambda: current_month(settings),
            now_ms=clock.now_ms,
        )


def current_month(settings: Settings) -> str:
    """Return the month that is now, by the deployment's clock and zone."""
    return month_calendar(settings.time_zone).month_of(settings.clock.now_ms())


def _decide(session: DecidingSession, metrics: BudgetMetrics, stop: Stop, pulse: Pulse) -> None:
    _log(session.begin())
    check_at = show_at = 0.0
    while not stop.requested:
        pulse.beat()
        if time.monotonic() >= show_at:
            metrics.show(session, time.time())
            show_at = time.monotonic() + SHOW_SECONDS
        if time.monotonic() >= check_at:
            session.check_claim()
            check_at = time.monotonic() + CLAIM_SECONDS
        _log(session.go_on())


def _log(told: int) -> None:
    if told:
        logger.info("notifications told", notifications=told)


def _wait(seconds: float, stop: Stop) -> None:
    deadline = time.monotonic() + seconds
    while not stop.requested and time.monotonic() < deadline:
        time.sleep(0.1)
