"""Where the accounts is filled from: the ledger, read once, and the subtotals, read as they come."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from billing.runtime.kafka import KafkaUnavailableError, admin_client
from billing.runtime.logs import get_logger
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings
from invoicer.accounts import Accounts
from invoicer.ledger_writer import LEDGER_PARTITION

logger = get_logger(__name__)

_ANSWER_SECONDS = 5.0


class LogEnds:
    """Asks the broker where partitions begin and end, records of open transactions included."""

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.bootstrap_servers
        self._admin = admin_client(settings)

    def ends(self, topic: str, partitions: int) -> dict[int, int]:
        """Return the log end offset of each partition.

        Raises:
            KafkaUnavailableError: no answer in time.
        """
        return self._ask(topic, partitions, OffsetSpec.latest())

    def starts(self, topic: str, partitions: int) -> dict[int, int]:
        """Return the log start offset of each partition.

        Raises:
            KafkaUnavailableError: no answer in time.
        """
        return self._ask(topic, partitions, OffsetSpec.earliest())

    def _ask(self, topic: str, partitions: int, spec: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(topic, partition): spec for partition in range(partitions)}
        answers = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_ANSWER_SECONDS
        )
        try:
            return {at.partition: answer.result(_ANSWER_SECONDS).offset for at, answer in answers.items()}
        except (KafkaException, TimeoutError) as error:
            raise KafkaUnavailableError(f"no broker tells the offsets of {topic} at {self._servers}") from error


@dataclass
class LedgerPlaces:
    """Where in the ledger a month begins at the earliest: invoice month -> offset."""

    starts: dict[str, int] = field(default_factory=dict)

    def note(self, key: bytes, offset: int) -> None:
        """Note a record of the ledger if it is the first of its month."""
        for prefix in (b"invoice|", b"closed|"):
            if key.startswith(prefix):
                self.starts.setdefault(key[len(prefix) : len(prefix) + 7].decode(), offset)

    def begin(self, month: str, ends: Mapping[int, int]) -> None:
        """Note that a month, if it has not begun yet, will begin where the ledger ends now."""
        self.starts.setdefault(month, ends[LEDGER_PARTITION])


def read_ledger(settings: Settings, accounts: Accounts, partitions: int) -> LedgerPlaces:
    """Read the ledger to its end into the accounts and return where its months begin.

    Raises:
        RecordError: a record that this program can't read.
        KafkaException: the broker refuses.
    """
    places = LedgerPlaces()
    began = time.monotonic()
    count = 0
    with TopicReader(settings, settings.invoices_topic, partitions) as reader:
        for batch in reader.read_to_end():
            for record in batch:
                accounts.read_ledger(record.key, record.value)
                places.note(record.key or b"", record.offset)
            count += len(batch)
    logger.info("ledger read", records=count, seconds=round(time.monotonic() - began, 1), closed=len(accounts.closes))
    return places


class SubtotalsFeed:
    """Feeds the accounts from the subtotals topic.

    Args:
        settings: where the broker is, and the topic.
        accounts: what is fed.
        partitions: how many partitions the topic has.
        ends: who knows where they end.
    """

    def __init__(self, settings: Settings, accounts: Accounts, partitions: int, ends: LogEnds) -> None:
        self._accounts = accounts
        self._partitions = partitions
        self._ends = ends
        self._reader = TopicReader(settings, settings.subtotals_topic, partitions)
        self.records = 0

    def poll(self, timeout_seconds: float = 0.2) -> int:
        """Read what is waiting into the accounts and return how many records it was.

        Raises:
            RecordError: a record that this program can't read.
            KafkaException: the broker refuses.
        """
        records = self._reader.poll(timeout_seconds=timeout_seconds)
        for record in records:
            self._accounts.read_subtotal(record.key, record.value)
        self.records += len(records)
        return len(records)

    def catch_up(self, timeout_seconds: float, stop_requested: Callable[[], bool]) -> bool:
        """Read all that was written before this call and is committed, and say whether that succeeded in time.

        It waits for the transactions that are open now. So the accounts has, of each transaction whose progress it
        knew, everything.

        Raises:
            KafkaUnavailableError: no broker answers.
            RecordError: a record that this program can't read.
            KafkaException: the broker refuses.
        """
        ends = self._ends.ends(self._reader.topic, self._partitions)
        deadline = time.monotonic() + timeout_seconds
        while not self._has_reached(ends):
            if time.monotonic() > deadline or stop_requested():
                return False
            self.poll()
        return True

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()

    def _has_reached(self, ends: Mapping[int, int]) -> bool:
        reached = self._reader.next_offsets
        return all(reached[partition] >= end for partition, end in ends.items())
