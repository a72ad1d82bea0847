"""What the writer of the ledger makes of the broker's answers, without one."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from billing.runtime import ledger_writer
from billing.runtime.ledger_writer import LedgerLostError
from billing.settings import Settings
from invoicer.ledger_writer import KafkaLedgerWriter

TIMED_OUT = KafkaError(KafkaError._TIMED_OUT, "no answer yet", False, True, False)
FENCED = KafkaError(KafkaError._FENCED, "fenced", True, False, False)
CUT = KafkaError(KafkaError.INVALID_TXN_STATE, "no such transaction", True, False, False)


class FakeProducer:
    """Answers the first calls that end a transaction with errors."""

    def __init__(self, *answers: KafkaError) -> None:
        self._answers = list(answers)
        self.committed: list[bytes] = []

    def begin_transaction(self) -> None: ...

    def produce(self, topic: str, key: bytes, value: bytes, partition: int) -> None:
        self.committed.append(key)

    def flush(self, seconds: float) -> int:
        return 0

    def commit_transaction(self, seconds: float) -> None:
        if self._answers:
            raise KafkaException(self._answers.pop(0))


@pytest.fixture
def writer_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., KafkaLedgerWriter]:
    """Make a writer over a producer that gives some answers first."""

    def make(*answers: KafkaError) -> KafkaLedgerWriter:
        monkeypatch.setattr(ledger_writer, "Producer", lambda _: FakeProducer(*answers))
        return KafkaLedgerWriter(Settings.model_validate({}))

    return make


def test_a_commit_that_is_answered_at_once_goes_on(writer_of: Callable[..., KafkaLedgerWriter]) -> None:
    """Nothing is on its way any more: the next transaction may use the same producer."""
    writer = writer_of()
    writer.commit([(b"a", b"1")])
    writer.commit([(b"b", b"2")])


@pytest.mark.parametrize("answers", [[TIMED_OUT], [TIMED_OUT, TIMED_OUT], [CUT], [TIMED_OUT, CUT]])
def test_no_transaction_follows_a_commit_in_doubt(
    writer_of: Callable[..., KafkaLedgerWriter], answers: list[KafkaError]
) -> None:
    """Asked twice, or refused: the ledger is read anew with a new producer, though the records may be there."""
    with pytest.raises(LedgerLostError):
        writer_of(*answers).commit([(b"a", b"1")])


def test_the_fenced_one_reads_the_ledger_anew(writer_of: Callable[..., KafkaLedgerWriter]) -> None:
    """Only the claim tells which of two is the newer one; the message names the ledger."""
    with pytest.raises(LedgerLostError, match=r"fenced on the ledger billing\.invoices"):
        writer_of(FENCED).commit([(b"a", b"1")])
