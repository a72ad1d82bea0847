"""Ids, voids and replacements through everything that happens to a processor: it arrives where the model does."""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Semaphore, Thread
from zlib import crc32

import pytest
from confluent_kafka.admin import NewPartitions

from billing.event import BillableEvent, Void
from billing.period import month_calendar
from billing.runtime.kafka import admin_client
from billing.runtime.partition_bounds import PartitionBounds
from billing.topics import changelog_topic
from processor.id_chunks import KnownIds, chunk_key, decode_known, known_key
from processor.id_table import TOLD_AT_ONCE
from processor.kernel.ids import CHUNK, DAY_MS
from tests.conftest import Kafka
from tests.hanging import assert_nothing_hangs
from tests.once_model import OnceModel, Record
from tests.pipeline import INPUT_PARTITIONS, SHORT_SESSION, Pipeline, wait_until
from tests.processor.test_once import payload_of
from tests.whole_topic import read_whole

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

START_MS = 1_700_000_000_000 - 1_700_000_000_000 % DAY_MS
DAYS, WINDOW_DAYS, RECORDS, BATCH = 45, 5, 30_000, 500
CALENDAR = month_calendar("UTC")
MANY = 2 * TOLD_AT_ONCE * CHUNK + 5


def history(seed: int) -> Iterator[Record]:
    """Events of many days, somewhat out of order; some come again, conflict, are voided or replaced, twice at times."""
    draw = random.Random(seed)
    sent: list[BillableEvent] = []
    for number in range(RECORDS):
        old = draw.choice(sent[-3_000:]) if sent else None
        kind = draw.random()
        if old is None or kind < 0.75:
            time_ms = START_MS + number * DAYS * DAY_MS // RECORDS - draw.choice((0, 0, 0, 3_600_000, 2 * DAY_MS))
            id_ = f"{seed}-{number}" if draw.random() < 0.9 else ""
            event = BillableEvent(time_ms, f"customer {draw.randrange(50)}", draw.randrange(10**9), "CALL", id_)
            sent.append(event)
            yield event
        elif kind < 0.88:
            yield old
        elif kind < 0.91:
            yield BillableEvent(old.timestamp_ms, old.customer, old.amount_micros + 1, old.type, old.id)
        elif kind < 0.96:
            yield Void(old.customer, old.id or "nobody", draw.choice(("", f"void {old.id}")))
        else:
            new = draw.choice(("", f"new {number}"))
            yield BillableEvent(old.timestamp_ms + 1, old.customer, 5, "DATA", new, replaces=old.id or "nobody")


class Sender:
    """Sends a history in the background, keyed by customer, and lets a model decide it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.model = OnceModel(WINDOW_DAYS)
        self.sent = 0
        self.partitions = INPUT_PARTITIONS
        self._pipeline = pipeline
        # How many batches may be sent.
        self._batches = Semaphore(0)
        self._thread = Thread(target=self._run)

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.send(RECORDS)
        self._thread.join()

    def send(self, records: int) -> None:
        """Send so many more, in the background."""
        self._batches.release(records // BATCH)

    def use(self, partitions: int) -> None:
        """Send to so many partitions from now on."""
        self.partitions = partitions

    def _run(self) -> None:
        offsets: dict[int, int] = {}
        for record in history(7):
            if self.sent % BATCH == 0:
                self._batches.acquire()
            key = record.customer.encode()
            partition = crc32(key) % self.partitions
            offset = offsets.get(partition, 0)
            offsets[partition] = offset + 1
            self.model.decide(partition, offset, record)
            self._pipeline.produce(payload_of(record, bool(self.sent % 2)), key, partition)
            self.sent += 1
            if self.sent % BATCH == 0:
                self._pipeline.flush()
        self._pipeline.flush()


def send_many(pipeline: Pipeline, first: int) -> None:
    """Send so many events with ids to one partition that full chunks of them are written before a commit."""
    for number in range(first, first + MANY):
        pipeline.produce(b"%d,Anna,1,CALL,%d" % (START_MS + number, number), b"Anna", 0)
    pipeline.flush()


@pytest.mark.parametrize("successor", ["a", "b"])
def test_chunks_that_are_written_before_a_commit_count_with_it(
    kafka: Kafka, tmp_path: Path, unique_name: str, successor: str
) -> None:
    """Each once. A processor that is killed before that commit has counted nothing; its State can be lost as well.

    Another instance takes over as soon, though the transaction of the one that died is still open.
    """
    options = {"kafka": SHORT_SESSION, "commit_interval_seconds": 10.0}
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, **options) as pipeline:
        settings = pipeline.settings
        changelog = changelog_topic(settings.consumer_group, settings.input_topic)
        bounds = PartitionBounds(settings)

        def length() -> int:
            return bounds.log_ends(changelog, [0])[0]

        process, sent, is_ahead = pipeline.start("process"), 0, False
        wait_until(lambda: "partition taken over" in pipeline.log_of("process"), what="the partition is taken over")
        for _ in range(6):  # a commit may come in between
            before = length()
            send_many(pipeline, sent)
            sent += MANY
            wait_until(lambda before=before: length() >= before + TOLD_AT_ONCE, what="chunks are written")  # type: ignore[misc]
            is_ahead = pipeline.consumed() == sent - MANY
            if is_ahead:
                break
            wait_until(lambda sent=sent: pipeline.consumed() == sent, what="all counted")  # type: ignore[misc]
        assert is_ahead, "chunks are written with the commit alone"
        assert "records hang" not in pipeline.log_of("process")
        process.kill()
        process.wait()
        shutil.rmtree(settings.state_dir)
        pipeline.start("process", successor)
        wait_until(lambda: pipeline.consumed() == sent, 45.0, "all counted, before the transaction would end by itself")
        send_many(pipeline, sent - MANY)
        wait_until(lambda: pipeline.consumed() == sent + MANY, what="all counted")
        progress = pipeline.progress()[0]
        assert (progress.accepted, progress.duplicates, progress.rejected) == (sent, MANY, {})
        assert list(pipeline.totals()[0].values()) == [[sent * 1_000_000, sent]]
        if successor != "a":  # what lies behind an open transaction is read once the broker ends that
            return
        written = Counter(record.key for record in read_whole(settings, changelog, INPUT_PARTITIONS))
        full = [written[chunk_key(0, START_MS // DAY_MS, number)] for number in range(sent // CHUNK)]
        assert min(full) >= 1
        # The last one of each commit is written again with the next.
        assert sum(full) < len(full) + TOLD_AT_ONCE


def widen(pipeline: Pipeline, partitions: int) -> None:
    """Give the input more partitions, and wait until the client that fills them knows."""
    topic, client = pipeline.settings.input_topic, admin_client(pipeline.settings)
    for future in client.create_partitions([NewPartitions(topic, partitions)]).values():
        future.result(60)
    wait_until(lambda: len(pipeline.known_partitions()) == partitions, what="the added partitions are known")


def known_ids(pipeline: Pipeline, partitions: int) -> tuple[dict[int, KnownIds], set[bytes]]:
    """What the changelog holds: what is known of each partition's ids, and the keys of all chunks."""
    settings = pipeline.settings
    changelog = changelog_topic(settings.consumer_group, settings.input_topic)
    newest = {record.key: record.value for record in read_whole(settings, changelog, partitions)}
    alive = {key: value for key, value in newest.items() if key and value is not None and key.startswith(b"ids|")}
    known = {p: decode_known(alive.pop(known_key(p))) for p in range(partitions) if known_key(p) in alive}
    return known, set(alive)


@pytest.mark.parametrize("native", [True, pytest.param(False, marks=pytest.mark.slow("ids through Python"))])
def test_ids_through_kills_restores_rebalances_and_added_partitions(
    kafka: Kafka, tmp_path: Path, unique_name: str, native: bool
) -> None:
    """To the micro and to the count, partition by partition; and what has left the window is gone everywhere."""
    options = {
        "kafka": SHORT_SESSION,
        "native_reading": native,
        "dedup_window_days": WINDOW_DAYS,
        "dedup_cache_bytes": 65_536,
    }
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, **options) as pipeline:
        first = pipeline.start("process", "a")
        with Sender(pipeline) as sender:
            for delete_state in (False, True, False):
                before = pipeline.consumed()
                sender.send(6_000)
                wait_until(lambda before=before: pipeline.consumed() >= before + 2_000, what="2,000 more")  # type: ignore[misc]
                first.kill()
                first.wait()
                if delete_state:
                    shutil.rmtree(pipeline.directory / "state")
                first = pipeline.start("process", "a")
            sender.send(3_000)
            widen(pipeline, INPUT_PARTITIONS + 2)
            sender.use(INPUT_PARTITIONS + 2)
            pipeline.start("process", "b")
            wait_until(lambda: "partition taken over" in pipeline.log_of("process", "b"), what="the second has some")
        wait_until(lambda: pipeline.consumed() >= RECORDS, what="all counted")
        found, model = pipeline.progress(), sender.model.partitions
        assert {
            p: (g.accepted, g.accepted_micros, g.voids, g.replaces, g.duplicates, g.watermark_ms)
            for p, g in found.items()
        } == {
            p: (m.accepted, m.accepted_micros, m.voids, m.replaces, m.duplicates, m.watermark_ms)
            for p, m in model.items()
        }
        assert {p: g.rejected for p, g in found.items()} == {
            p: {reason.value: count for reason, count in m.rejected.items()} for p, m in model.items()
        }
        totals: dict[tuple[str, str, str], list[int]] = {}
        for event in sender.model.billed:
            entry = totals.setdefault((CALENDAR.month_of(event.timestamp_ms), event.customer, event.type), [0, 0])
            entry[0] += event.amount_micros
            entry[1] += 1
        assert pipeline.totals()[0] == totals
        assert sum(m.voids + m.replaces + m.duplicates for m in model.values()) > 3_000
        assert_nothing_hangs(pipeline.settings)
        known, chunks = known_ids(pipeline, sender.partitions)
        for partition, of in known.items():
            first_day = (model[partition].watermark_ms - WINDOW_DAYS * DAY_MS) // DAY_MS
            assert of.days
            assert min(of.days) >= first_day
            assert len(of.days) <= WINDOW_DAYS + 2
        days = {(int(key.split(b"|")[1]), int(key.split(b"|")[2])) for key in chunks}
        assert days == {(partition, day) for partition, of in known.items() for day in of.days}
