"""Where the accounts are filled from: the ledger, read once, and the subtotals, read as they come."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from billing import ledger
from billing.errors import OperatorError
from billing.invoice import Invoice
from billing.runtime.logs import get_logger
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.signals import StopFlag
from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings
from billing.subtotal import RecordError, UnknownVersionError
from invoicer.accounts import Accounts

logger = get_logger(__name__)


class UnreadableRecordError(OperatorError):
    """A record of a topic that only this program writes can't be read: somebody else has written it."""


@contextmanager
def explaining(topic: str, record: Record) -> Iterator[None]:
    """Say of a record that can't be read which one it is and what to do. One of another version says that itself."""
    try:
        yield
    except UnknownVersionError:
        raise
    except RecordError as error:
        raise UnreadableRecordError(
            f"a record that cannot be read, at offset {record.offset} of partition {record.partition} of {topic}:"
            f" {error}; nothing is issued while it is there, see docs/runbook.md#unreadable-record"
        ) from error


@dataclass
class LedgerPlaces:
    """Where in the ledger a month begins at the earliest: invoice month -> offset."""

    starts: dict[str, int] = field(default_factory=dict)

    def note(self, key: bytes, offset: int) -> None:
        """Note a record of the ledger if it is the first of its month."""
        for prefix in (b"invoice|", b"closed|"):
            if key.startswith(prefix):
                self.starts.setdefault(key[len(prefix) : len(prefix) + 7].decode(), offset)

    def begin(self, month: str, end: int) -> None:
        """Note that a month, if it has not begun yet, will begin at `end`, where the ledger ends now."""
        self.starts.setdefault(month, end)


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
                with explaining(settings.invoices_topic, record):
                    accounts.read_ledger(record.key, record.value)
                places.note(record.key or b"", record.offset)
            count += len(batch)
    logger.info("ledger read", records=count, seconds=round(time.monotonic() - began, 1), closed=len(accounts.closes))
    return places


def invoices_of(month: str, records: Iterable[Record]) -> Iterator[Invoice]:
    """Yield the invoices of a month among the ledger's records, in their order.

    Raises:
        RecordError: one that can't be read.
    """
    start = f"invoice|{month}|".encode()
    for record in records:
        if record.key is not None and record.key.startswith(start):
            yield ledger.decode_invoice(record.value or b"")


class SubtotalsFeed:
    """Feeds the accounts from the subtotals topic.

    Args:
        settings: where the broker is, and the topic.
        accounts: what is fed.
        partitions: how many partitions the topic has.
        bounds: who knows where they end.
    """

    def __init__(self, settings: Settings, accounts: Accounts, partitions: int, bounds: PartitionBounds) -> None:
        self._accounts = accounts
        self._partitions = partitions
        self._bounds = bounds
        self._time_zone = settings.time_zone
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
            with explaining(self._reader.topic, record):
                self._accounts.read_subtotal(record.key, record.value)
        self.records += len(records)
        return len(records)

    def catch_up(self, timeout_seconds: float, stop: StopFlag) -> bool:
        """Read all that was written before this call and is committed, and say whether that succeeded in time.

        It waits for the transactions that are open now. So the accounts have, of each transaction whose progress it
        knew, everything.

        Raises:
            KafkaUnavailableError: no broker answers.
            OperatorError: an input partition is counted by another time zone than the one that is set.
            RecordError: a record that this program can't read.
            KafkaException: the broker refuses.
        """
        ends = self._bounds.log_ends(self._reader.topic, range(self._partitions))
        deadline = time.monotonic() + timeout_seconds
        while not self._has_reached(ends):
            if time.monotonic() > deadline or stop.requested:
                return False
            self.poll()
        self._accounts.check_zone(self._time_zone)
        return True

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()

    def _has_reached(self, ends: Mapping[int, int]) -> bool:
        reached = self._reader.next_offsets
        return all(reached[partition] >= end for partition, end in ends.items())
