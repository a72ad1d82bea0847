"""Budgets on a real Kafka: subtotals as a processor would publish them, `qb budgets` as a process, the ledger read."""

import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from confluent_kafka import Producer

from billing.notification import Delivery, Notification
from billing.notification_ledger import LedgerRecord, decode
from billing.runtime.kafka import ensure_topics
from billing.settings import Settings
from tests.budgets import killable
from tests.budgets.model import Event, Told
from tests.budgets.world import Subtotals, told_of
from tests.command import running
from tests.whole_topic import read_whole

TIMEOUT_SECONDS = 120.0


class KafkaWorld:
    """Events become subtotals, committed in transactions."""

    def __init__(self, servers: str, prefix: str, folder: Path, **more: object) -> None:
        self.folder = folder
        self.settings = Settings.model_validate(
            {
                "bootstrap_servers": servers,
                "input_topic": f"{prefix}incoming",
                "subtotals_topic": f"{prefix}subtotals",
                "notifications_topic": f"{prefix}notifications",
                "input_partitions": 2,
                "budgets_port": 0,
                "budgets": [
                    {
                        "name": "each",
                        "customer": "*",
                        "amount": "10",
                        "thresholds": [50, 100],
                        "first_month": "2026-01",
                    }
                ],
                **more,
            }
        )
        ensure_topics(self.settings, ("subtotals", "notifications"))
        self._subtotals = Subtotals()
        self._producer = Producer({"bootstrap.servers": servers, "transactional.id": f"{prefix}processor"})
        self._producer.init_transactions(TIMEOUT_SECONDS)

    def commit(self, *events: Event) -> None:
        """Count events of one input partition, in one transaction."""
        before = len(self._subtotals.records)
        self._subtotals.commit(events[0].partition, events)
        self._producer.begin_transaction()
        for key, value in self._subtotals.records[before:]:
            self._producer.produce(self.settings.subtotals_topic, value, key, partition=events[0].partition)
        self._producer.commit_transaction(TIMEOUT_SECONDS)

    def budgets(self, kill_at: str = "", tear_at: str = "") -> AbstractContextManager["subprocess.Popen[str]"]:
        """Run `qb budgets` as a process; it is killed at the end if it still runs.

        Args:
            kill_at: a step and how often it must be reached, ``committed:2``: there it kills itself with SIGKILL.
            tear_at: ``commit|step:times`` or ``abort|step:times``: there a late message ends its transaction.
        """
        topic = self.settings.notifications_topic
        tear = f"{self.settings.bootstrap_servers}|{topic}-budgets|{tear_at}" if tear_at else ""
        variables = {killable.KILL_AT: kill_at, killable.TEAR_AT: tear}
        return running(self.settings, self.folder, "budgets", module=killable.__name__, variables=variables)

    def records(self) -> list[LedgerRecord]:
        """Return all committed records of the ledger."""
        topic = self.settings.notifications_topic
        return [decode(record.key, record.value) for record in read_whole(self.settings, topic, 1)]

    def told(self) -> list[Told]:
        """Return what was told, in the order of the ledger."""
        return [told_of(record) for record in self.records() if isinstance(record, Notification)]

    def deliveries(self) -> list[Delivery]:
        """Return what was written of sending, in the order of the ledger."""
        return [record for record in self.records() if isinstance(record, Delivery)]

    def wait_for_told(self, count: int) -> list[Told]:
        """Wait until so many notifications are told, and return them."""
        return wait_until(self.told, lambda told: len(told) >= count)


def wait_until(ask: Callable[[], list[Told]], is_done: Callable[[list[Told]], bool]) -> list[Told]:
    """Ask again and again until it is done, and return the answer."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_done(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer
