"""The generator through an outage of its broker."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.period import month_calendar
from billing.runtime.kafka import ensure_topics
from billing.runtime.signals import Stop
from billing.settings import load_settings
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port
from generator.app import send_events
from generator.expected import ExpectedTotals
from generator.sender import EventSender
from tests.whole_topic import read_whole


@pytest.mark.slow("brokers that fail")
def test_a_killed_broker_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """The broker is killed and started again while events are sent: each is in the topic exactly once."""
    with KafkaBroker(tmp_path, free_port()) as broker:
        settings = load_settings({"bootstrap_servers": broker.bootstrap_servers, "rate": 2_000}, {})
        ensure_topics(settings, ["input"])
        totals = ExpectedTotals(month_calendar("UTC"))
        sender, stop = EventSender(settings, totals), Stop()
        sending = threading.Thread(target=send_events, args=(settings, sender, stop))
        sending.start()
        try:
            _wait_for(lambda: sender.confirmed, 1_000)
            broker.kill()
            time.sleep(1.0)
            broker.restart_node()
            _wait_for(lambda: sender.confirmed, 1_000 + sender.confirmed)
        finally:
            stop.requested = True
            sending.join()
        sender.close()
        values = [record.value for record in read_whole(settings, settings.input_topic, settings.input_partitions)]
    assert len(values) == totals.records == sender.confirmed


def _wait_for(count: Callable[[], int], least: int) -> None:
    deadline = time.monotonic() + 60
    while count() < least:
        assert time.monotonic() < deadline
        time.sleep(0.05)
