"""Starts `qb notify`: sends notifications as signed webhooks until it is asked to stop."""

import argparse
import asyncio
import random
import time
from contextlib import ExitStack, closing

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from billing.clock import SystemClock
from billing.errors import OperatorError
from billing.runtime.access.access import make_access
from billing.runtime.client_errors import raise_if_forbidden
from billing.runtime.kafka import KafkaUnavailableError, ensure_topics
from billing.runtime.logs import get_logger
from billing.runtime.part_server import Listening, part_served
from billing.runtime.pulse import KafkaProbe, Pulse
from billing.runtime.signals import Stop, stop_on_signals
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings
from billing.subtotal import RecordError
from notifier.claim import SendingClaim
from notifier.courier import Courier
from notifier.log import KafkaDeliveriesLog
from notifier.metrics import NotifierMetrics
from notifier.outbox import Outbox
from notifier.retrying import RetryRule
from notifier.signing import Signer, signer_of
from notifier.webhook import WebhookSender

logger = get_logger(__name__)

EXIT_DONE = 0
TOPICS = ("notifications",)
ANSWER_SECONDS = 5.0
PAUSE_AFTER_LOSS_SECONDS = 2.0
LEAST_SILENT_SECONDS = 300.0


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Send until SIGINT or SIGTERM. Returns the exit code.

    Raises:
        OperatorError: something that a person has to mend.
    """
    if not settings.webhook_url:
        raise OperatorError("no receiver is set: set webhook_url, see docs/budgets.md")
    signer = signer_of(settings)
    try:
        with stop_on_signals() as stop, ExitStack() as resources:
            registry = CollectorRegistry()
            access = make_access(settings, registry)
            metrics = NotifierMetrics(registry)
            resources.enter_context(TopicWatch(settings, TOPICS, registry))
            pulse = Pulse("sending", LEAST_SILENT_SECONDS)
            kafka = resources.enter_context(KafkaProbe(settings, settings.notifications_topic))
            at = Listening("notifier", settings.notifier_host, settings.notifier_port, settings.allowed_hosts)
            with part_served(registry, lambda: [kafka.check(), pulse.check()], at, access):
                return serve(settings, signer, metrics, arguments.again, stop, pulse)
    except RecordError as error:
        raise OperatorError(f"a record that cannot be read: {error}") from error
    except KafkaException as error:
        raise OperatorError(f"Kafka refuses: {error.args[0].str()}") from error


def serve(settings: Settings, signer: Signer, metrics: NotifierMetrics, again: bool, stop: Stop, pulse: Pulse) -> int:
    """Send until asked to stop. Whoever loses the broker reads the ledger anew.

    Raises:
        FencedError: a newer one has taken over.
        KafkaRefusesError: the broker does not allow it.
        KafkaException: the broker refuses at the start; what has worked once may work again.
        OperatorError: something else that a person has to mend.
    """
    has_run, claim = False, SendingClaim(settings.notifications_topic)
    while not stop.requested:
        try:
            partitions = ensure_topics(settings, TOPICS, ANSWER_SECONDS)
            with closing(KafkaDeliveriesLog(settings, partitions["notifications"])) as log:
                logger.info("notifications are sent", ledger=settings.notifications_topic)
                is_first, has_run = not has_run, True
                asyncio.run(_send(settings, signer, metrics, log, claim, again and is_first, stop, pulse))
        except (KafkaUnavailableError, KafkaException) as error:
            if isinstance(error, KafkaException):
                raise_if_forbidden(error, f"write topic {settings.notifications_topic}")
                if not has_run:
                    raise
            logger.warning("broker lost, starting anew", error=error)
            pulse.fail(str(error))
            _wait(PAUSE_AFTER_LOSS_SECONDS, stop)
    logger.info("notifications are no longer sent")
    return EXIT_DONE


async def _send(
    settings: Settings,
    signer: Signer,
    metrics: NotifierMetrics,
    log: KafkaDeliveriesLog,
    claim: SendingClaim,
    again: bool,
    stop: Stop,
    pulse: Pulse,
) -> None:
    rule = RetryRule(
        settings.webhook_first_pause_seconds,
        settings.webhook_longest_pause_seconds,
        settings.webhook_give_up_seconds,
    )
    ledger = settings.notifications_topic
    outbox = Outbox(ledger, rule, random.random)
    async with WebhookSender(settings.webhook_url, ledger, signer, settings.webhook_try_seconds) as sender:
        courier = Courier(log, outbox, claim, sender, metrics, stop, SystemClock().now_ms, pulse.beat)
        await courier.run(again)


def _wait(seconds: float, stop: Stop) -> None:
    deadline = time.monotonic() + seconds
    while not stop.requested and time.monotonic() < deadline:
        time.sleep(0.1)
