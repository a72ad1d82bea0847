"""Second witnesses of the ledger: what else tells that months were closed, asked before anything is issued.

The ledger itself cannot tell that it was deleted, or cut at its start: it is then merely short. The invoice files, the
start of the log and the offset that the invoicers' group has confirmed can.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition

from billing.claim import UNCLAIMED
from billing.client_names import ledger_group
from billing.invoice import MonthClose
from billing.period import format_timestamp, parse_month
from billing.runtime.client_errors import raise_if_forbidden, raise_if_group_forbidden
from billing.runtime.kafka import KafkaUnavailableError, is_passing, reader_config
from billing.runtime.partition_bounds import Bounds
from billing.settings import Settings
from invoicer.files.manifest import MANIFEST
from invoicer.issued import LedgerDamagedError

_ANSWER_SECONDS = 5.0
_GIVE_UP_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Confirmed:
    """What invoicers have confirmed last.

    Args:
        ledger_end: an offset that the ledger had reached; negative if none was confirmed.
        holder: the name of the invoicer that claimed the ledger last.
    """

    ledger_end: int
    holder: str

    def claimed_by(self, name: str) -> Self:
        """Return what is confirmed once an invoicer has claimed the ledger: no more of the ledger than before."""
        return replace(self, ledger_end=max(0, self.ledger_end), holder=name)

    def place(self, settings: Settings) -> TopicPartition:
        """Return it as the group keeps it.

        It is an offset of the subtotals topic: with a topic that is deleted, Kafka deletes all groups' offsets of it.
        """
        return TopicPartition(settings.subtotals_topic, 0, self.ledger_end, self.holder)


def read_confirmed(settings: Settings, settled: bool = True) -> Confirmed:
    """Return what invoicers have confirmed.

    Args:
        settings: where the broker is, and the ledger's name.
        settled: wait for the end of a transaction that is open; without, what was confirmed before it.

    Raises:
        KafkaUnavailableError: the broker does not answer in time.
        KafkaRefusesError: it does not allow to ask.
    """
    isolation = "read_committed" if settled else "read_uncommitted"
    config = reader_config(settings, ledger_group(settings)) | {"isolation.level": isolation}
    consumer = Consumer(config)
    try:
        return _read_confirmed(consumer, settings)
    finally:
        consumer.close()


def _read_confirmed(consumer: Consumer, settings: Settings) -> Confirmed:
    wanted = [TopicPartition(settings.subtotals_topic, 0, OFFSET_INVALID)]
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while True:
        try:
            (committed,) = consumer.committed(wanted, _ANSWER_SECONDS)
            if committed.error:
                raise KafkaException(committed.error)
            return Confirmed(int(committed.offset), committed.metadata or UNCLAIMED)
        except KafkaException as error:
            raise_if_forbidden(error, f"use group {ledger_group(settings)}, or see topic {settings.subtotals_topic}")
            raise_if_group_forbidden(consumer, ledger_group(settings))
            # The first one who asks makes the broker create the topic of all groups' offsets.
            if not is_passing(error.args[0]) or time.monotonic() > deadline:
                raise KafkaUnavailableError(
                    f"no broker answers with the offset of group {ledger_group(settings)}: {error.args[0].str()}"
                ) from error
            time.sleep(_PAUSE_SECONDS)


def check_log(topic: str, logs: Mapping[int, Bounds], partition: int, confirmed: int) -> None:
    """Compare the ledger's log with what an invoicer confirmed.

    Args:
        topic: the ledger's name.
        logs: start and end of each partition.
        partition: the one that is written.
        confirmed: an offset that its log had reached, negative if unknown.

    Raises:
        LedgerDamagedError: records were deleted from its start, or the log does not reach the offset.
    """
    for number, log in logs.items():
        if log.start > 0:
            raise LedgerDamagedError(f"records of {topic} before offset {log.start} of partition {number} were deleted")
    if confirmed > logs[partition].end:
        raise LedgerDamagedError(
            f"{topic} ends at offset {logs[partition].end}, but invoicers have seen it reach {confirmed}:"
            " it was deleted or made anew"
        )


def check_files(output: Path, closes: Mapping[str, MonthClose]) -> None:
    """Compare the ledger with the manifests of issued months. A manifest that can't be read is passed over.

    Raises:
        LedgerDamagedError: a month has files and is not closed in the ledger, or was closed another time.
    """
    for folder in sorted(output.iterdir()) if output.is_dir() else ():
        manifest = _manifest(folder)
        if manifest is None:
            continue
        close = closes.get(folder.name)
        if close is None:
            raise LedgerDamagedError(f"{folder} holds issued invoices, but the ledger has not closed {folder.name}")
        told = (manifest.get("closed_at"), manifest.get("invoices"))
        if told != (format_timestamp(close.closed_at_ms), close.invoices):
            raise LedgerDamagedError(
                f"{folder} holds {told[1]} invoices of a month closed at {told[0]}, but the ledger has closed it at"
                f" {format_timestamp(close.closed_at_ms)} with {close.invoices}"
            )


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        parse_month(folder.name)
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    complete = isinstance(manifest, dict) and {"month", "closed_at", "invoices"} <= manifest.keys()
    return manifest if complete and manifest["month"] == folder.name else None
