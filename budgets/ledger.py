"""The ledger as the one who decides has it: written in transactions, and believed only as far as it is read back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from billing.notification_ledger import KeyValue, LedgerRecord, decode, encode
from billing.runtime.ledger_writer import LedgerLostError
from budgets.told import ToldLedger


class LedgerReader(Protocol):
    """Reads the ledger, each committed record once."""

    def read(self, waits: bool) -> Iterable[KeyValue]:
        """Return what was committed since, up to the end at the call.

        Args:
            waits: for transactions that are open; without, up to where the oldest of them begins.

        Raises:
            LedgerLostError: the end is not reached in time.
        """
        ...


class Writer(Protocol):
    """Writes the ledger, as :class:`billing.runtime.ledger_writer.LedgerWriter` does."""

    def take_over(self) -> None:
        """Fence every other writer and end its open transaction."""
        ...

    def commit(self, records: Sequence[KeyValue]) -> None:
        """Write all records in one transaction."""
        ...


class Ledger:
    """What is told, and the way to tell more.

    A transaction may be ended by a message of an earlier one that was late: then its first records count, or its first
    ones do not. So nothing is taken for told because the commit succeeded, only because it was read.

    Args:
        reader: reads it, from its start.
        writer: writes it.
        listen: called with each record that was written here and read back.
    """

    def __init__(
        self, reader: LedgerReader, writer: Writer, listen: Callable[[LedgerRecord], object] = lambda _: None
    ) -> None:
        self._reader, self._writer, self._listen = reader, writer, listen
        self.told = ToldLedger()

    def read(self, waits: bool = True) -> list[bytes]:
        """Take in what was committed since and return its keys.

        Args:
            waits: for transactions that are open. Whoever does not hold the ledger must not: one that died may have
                left one open.

        Raises:
            LedgerLostError: it can't be read to its end in time.
            RecordError: a record that this program can't read.
        """
        keys = []
        for key, value in self._reader.read(waits):
            record = decode(key, value)
            self.told.read(record)
            keys.append(key)
        return keys

    def take_over(self) -> None:
        """Fence every other writer and take in what it has committed: it is final.

        Raises:
            LedgerLostError: the broker does not answer in time, or another one takes over at this moment.
        """
        self._writer.take_over()
        self.read()

    def commit(self, records: Sequence[LedgerRecord]) -> None:
        """Write records in one transaction, and read them back.

        Raises:
            LedgerLostError: it is not known whether they are written, or they are not. Begin a new session.
        """
        encoded = [encode(record) for record in records]
        self._writer.commit(encoded)
        missing = {key for key, _ in encoded} - set(self.read())
        if missing:
            raise LedgerLostError(
                f"{len(missing)} of {len(encoded)} records are not in the ledger though their transaction was"
                " committed: an earlier one was ended late, and the ledger is read anew"
            )
        for record in records:
            self._listen(record)
