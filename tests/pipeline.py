"""Runs the parts as the processes they are, on topics of one test's own, and reads what they arrive at."""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka import Producer

from billing.runtime.kafka import ensure_topics
from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings, load_settings
from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    Progress,
    ProgressKey,
    decode_key,
    decode_progress,
    decode_subtotal,
)
from generator.events import GeneratedEvent
from tests.forking import start_process
from tests.whole_topic import read_whole

INPUT_PARTITIONS = 4
# How long one look at the subtotals goes on while they keep coming; whoever waits for more looks again.
READING_SECONDS = 2.0
PRODUCING_SECONDS = 120.0
# A group has a member until its session ends, also one that was killed or has left: for the setting `kafka`.
SHORT_SESSION = "{session.timeout.ms: 3000, heartbeat.interval.ms: 300}"

# librdkafka's word for a partition that the client chooses.
PARTITION_UA = -1


class Pipeline:
    """The processes and topics of one test. Leaving it kills what still runs.

    Args:
        bootstrap_servers: the cluster.
        directory: where state and logs go.
        name: what topics and group begin with.
        options: more settings, by name.
    """

    def __init__(self, bootstrap_servers: str, directory: Path, name: str, **options: object) -> None:
        self.directory = directory
        self.environment = {
            "QB_BOOTSTRAP_SERVERS": bootstrap_servers,
            "QB_INPUT_TOPIC": f"{name}.incoming",
            "QB_SUBTOTALS_TOPIC": f"{name}.subtotals",
            "QB_REJECTED_TOPIC": f"{name}.rejected",
            "QB_INVOICES_TOPIC": f"{name}.invoices",
            "QB_NOTIFICATIONS_TOPIC": f"{name}.notifications",
            "QB_CONSUMER_GROUP": name,
            "QB_INPUT_PARTITIONS": str(INPUT_PARTITIONS),
            "QB_STATE_DIR": str(directory / "state"),
            "QB_OUTPUT": str(directory / "invoices"),
            "QB_PROCESSOR_PORT": "0",
            **{f"QB_{key.upper()}": str(value) for key, value in options.items()},
        }
        self.settings: Settings = load_settings({}, self.environment)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._produced = self._seen = 0
        ensure_topics(self.settings, ("input", "subtotals", "rejected", "invoices"))
        # Idempotent, or a broker that dies would make the input itself hold a record twice.
        self._producer = Producer(
            {"bootstrap.servers": bootstrap_servers, "linger.ms": 5, "enable.idempotence": True, "log_level": 0}
        )
        self._subtotals = TopicReader(self.settings, self.settings.subtotals_topic, INPUT_PARTITIONS)
        self._latest: dict[bytes, bytes] = {}
        # Which input partition a key of `_latest` tells the progress of.
        self._progress_keys: dict[bytes, int] = {}

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._subtotals.close()
        if kind is not None:
            for log in sorted(self.directory.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4_000:]}")

    def start(
        self, command: str, instance: str = "a", *arguments: str, module: str = "qb", **options: object
    ) -> subprocess.Popen[bytes]:
        """Start ``qb COMMAND``, or another module, as an instance; its output goes to COMMAND-INSTANCE.log."""
        environment = {**os.environ, **self.environment, "QB_INSTANCE": instance}
        environment |= {f"QB_{key.upper()}": str(value) for key, value in options.items()}
        with (self.directory / f"{command}-{instance}.log").open("ab") as log:
            process = start_process(module, command, *arguments, environment=environment, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def log_of(self, command: str, instance: str = "a") -> str:
        """Return what an instance has written so far."""
        return (self.directory / f"{command}-{instance}.log").read_text(errors="replace")

    def produce(self, payload: bytes | None, key: bytes | None = None, partition: int = PARTITION_UA) -> None:
        """Produce one record to the input topic; the client chooses the partition unless one is given."""
        deadline = time.monotonic() + PRODUCING_SECONDS
        while True:
            try:
                self._producer.produce(self.settings.input_topic, payload, key, partition)
                self._produced += 1
            except BufferError:
                assert time.monotonic() < deadline, f"Kafka took no record for {PRODUCING_SECONDS} s"
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def produce_all(self, events: Iterable[GeneratedEvent]) -> None:
        """Produce generated events and wait until Kafka has them."""
        for event in events:
            self.produce(event.payload, event.key)
        self.flush()

    def known_partitions(self) -> list[int]:
        """Return the partitions of the input as its producer knows them now."""
        topic = self.settings.input_topic
        return sorted(self._producer.list_topics(topic, timeout=30).topics[topic].partitions)

    def flush(self) -> None:
        """Wait until Kafka has all that was produced."""
        assert self._producer.flush(180) == 0

    def latest_subtotals(self) -> dict[bytes, bytes]:
        """Return the newest committed value of every key of the subtotals topic, read live.

        Ends when no record comes for a moment, and at the latest after `READING_SECONDS`: records may never stop.
        """
        deadline = time.monotonic() + READING_SECONDS
        while time.monotonic() < deadline and (records := self._subtotals.poll(timeout_seconds=0.2)):
            newest = {record.key: record.value for record in records if record.key and record.value}
            for key in newest.keys() - self._latest.keys():
                if isinstance(decoded := decode_key(key), ProgressKey):
                    self._progress_keys[key] = decoded.partition
            self._latest |= newest
        return self._latest

    def progress(self) -> dict[int, Progress]:
        """Return the newest committed progress of each input partition that has one."""
        latest = self.latest_subtotals()
        return {partition: decode_progress(latest[key]) for key, partition in self._progress_keys.items()}

    def consumed(self) -> int:
        """Return how many input records are counted, accepted or rejected."""
        found = sum(progress.consumed for progress in self.progress().values())
        self.note_seen(found)
        return found

    def note_seen(self, records: int) -> None:
        """Note how many input records the test has seen counted, or moved."""
        self._seen = max(self._seen, records)

    @property
    def ahead(self) -> int:
        """How many records were produced beyond those that the test has seen counted."""
        return self._produced - self._seen

    def totals(self) -> tuple[dict[tuple[str, str, str], list[int]], dict[tuple[int, str], list[int]]]:
        """Return [micros, count] by (month, customer, type) and by (hour's start in ms, type), partials added up."""
        customers: dict[tuple[str, str, str], list[int]] = {}
        hours: dict[tuple[int, str], list[int]] = {}
        for key, value in self.latest_subtotals().items():
            decoded = decode_key(key)
            if isinstance(decoded, ProgressKey):
                continue
            for of, sums in decode_subtotal(decoded, value).items():
                for type_, (micros, count) in sums.items():
                    match of:
                        case CustomerMonthKey(_, month, customer):
                            entry = customers.setdefault((month, customer, type_), [0, 0])
                        case HourKey(_, hour_start_ms):
                            entry = hours.setdefault((hour_start_ms, type_), [0, 0])
                    entry[0] += micros
                    entry[1] += count
        return customers, hours

    def rejected(self) -> list[Record]:
        """Return the committed records of the topic of rejected records."""
        return read_whole(self.settings, self.settings.rejected_topic, INPUT_PARTITIONS)


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 180.0, what: str = "condition") -> None:
    """Wait until a condition holds; fail with what was waited for when it does not in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {timeout_seconds} s: {what}"
        time.sleep(0.05)


def rejected_multiset(records: Sequence[Record]) -> Counter[tuple[bytes | None, bytes | None, str]]:
    """Return how often each (key, value, reason) stands in the topic of rejected records."""
    return Counter((record.key, record.value, dict(record.headers)["reason"].decode()) for record in records)
