"""Writes a ledger: each call is one Kafka transaction under the one transactional id of the ledger."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum

from confluent_kafka import KafkaError, KafkaException, Producer

from billing.client_names import writer_transactional_id
from billing.errors import OperatorError
from billing.runtime.client_errors import forbidden
from billing.runtime.kafka import client_config, meet_brokers
from billing.runtime.logs import get_logger
from billing.runtime.signals import NEVER, StopFlag
from billing.settings import Settings

logger = get_logger(__name__)

KeyValue = tuple[bytes, bytes]

# A ledger is written in one order, so that the invoices of a month lie in the order of their numbers.
LEDGER_PARTITION = 0
# The client chooses by the key, as it does for other producers of events.
BY_KEY = -1

_FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})
# A single call is short, so that a stop is heard; together they may take long, for a broker may restart meanwhile.
_CALL_SECONDS = 2.0
_GIVE_UP_SECONDS = 60.0


class LedgerLostError(OperatorError):
    """A transaction did not come to an end, or another writer took over: only reading the ledger anew tells which."""


class WriteStep(StrEnum):
    """A point in the writing of a transaction, in the order in which they are reached."""

    TRANSACTION_BEGUN = "transaction_begun"
    """A transaction is open, without a record in it."""

    RECORDS_SENT = "records_sent"
    """Its records are with the broker; it is not committed."""

    COMMITTED = "committed"
    """It is committed; the program has not taken note of it yet."""


WriteSteps = Callable[[WriteStep], object]


def ignore_write_step(_step: WriteStep) -> None:
    """Do nothing: for those who need not be told."""


class LedgerWriter:
    """Writes records to a topic, all of a call or none.

    The transactional id is derived from the topic's name: whoever starts later fences whoever runs, and open
    transactions of a dead writer end at once.

    Args:
        settings: where the broker is.
        topic: the ledger.
        who: what the writer is, for the transactional id and for messages.
        steps: told of each step of a transaction.
        stop: asked while the broker does not answer.
        partition: where records go; a ledger has one, and other topics have them by key.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        who: str,
        steps: WriteSteps = ignore_write_step,
        stop: StopFlag = NEVER,
        partition: int = LEDGER_PARTITION,
    ) -> None:
        self._topic, self._who, self._partition = topic, who, partition
        self._id = writer_transactional_id(topic, who)
        self._steps = steps
        self._stop = stop
        self._client_config = client_config(settings)
        self._producer = Producer(
            {
                **self._client_config,
                "transactional.id": self._id,
                "linger.ms": 20,
                "compression.type": "lz4",
            }
        )

    def take_over(self) -> None:
        """Fence every other writer of this ledger and end its open transaction. Read the ledger after this.

        Raises:
            LedgerLostError: the broker does not answer in time.
            KafkaRefusesError: it does not allow this.
        """
        try:
            meet_brokers(self._producer, self._topic)
            self._persist(self._producer.init_transactions)
        except KafkaException as error:
            raise self._failure(error) from error

    def commit(self, records: Sequence[KeyValue]) -> None:
        """Write all records, in their order, in one transaction.

        A message that ends a transaction may be on its way twice if the broker was asked twice. The late one would
        end the next transaction of the same producer epoch in its middle, so there is none.

        Raises:
            KafkaRefusesError: the broker does not allow this; nothing is written.
            LedgerLostError: it is not known whether the records are written, or they are and the broker had to be
                asked twice: read the ledger anew, with a new producer. Or this one was fenced, and nothing is written.
        """

        def send() -> None:
            for key, value in records:
                self._produce(key, value)
            self._producer.flush(_CALL_SECONDS)

        self._transact(send)

    def _transact(self, send: Callable[[], object], steps: WriteSteps | None = None) -> None:
        steps = steps or self._steps
        try:
            self._producer.begin_transaction()
            steps(WriteStep.TRANSACTION_BEGUN)
            send()
            steps(WriteStep.RECORDS_SENT)
            asked_again = self._persist(self._producer.commit_transaction)
        except KafkaException as error:
            raise self._failure(error) from error
        steps(WriteStep.COMMITTED)
        if asked_again:
            raise LedgerLostError(f"the broker was asked twice to commit to {self._topic}: its ledger is read anew")

    def close(self) -> None:
        """Drop what is still on its way. Closing twice is allowed."""
        # A fenced producer answers each call with the error that has been raised already.
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(1.0)

    def _produce(self, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, key=key, value=value, partition=self._partition)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _persist(self, call: Callable[[float], object]) -> bool:
        """Make a call again as long as it says that this can help, time is left and nobody asks to stop.

        Returns whether it was made more than once.
        """
        asked_again = False
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            try:
                call(_CALL_SECONDS)
                return asked_again
            except KafkaException as error:
                over = time.monotonic() > deadline or self._stop.requested
                if not error.args[0].retriable() or over:
                    raise
                asked_again = True
                logger.debug("the broker is asked again", error=error.args[0].str())

    def _failure(self, error: KafkaException) -> OperatorError:
        fault = error.args[0]
        if told := forbidden(fault, f"write topic {self._topic} under transactional id {self._id}"):
            return told
        if fault.code() in _FENCED:
            return LedgerLostError(
                f"fenced on the ledger {self._topic} (transactional id {self._id}): another {self._who} takes over,"
                " or this one was cut off from the broker for too long"
            )
        return LedgerLostError(f"could not write the ledger {self._topic}: {fault.str()}")
