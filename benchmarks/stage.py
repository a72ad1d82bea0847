"""Where benchmarks run: one broker for all rows, the cores that each program gets, and topics filled once per shape."""

import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from benchmarks.bulk_producer import BulkProducer
from benchmarks.child import cpu_seconds
from benchmarks.shapes import Chunk, EventMaker, Shape
from benchmarks.truth import Truth
from billing.runtime.kafka import ensure_topics
from billing.settings import Settings, load_settings
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port

COMMIT_SECONDS = 1.0
TOPICS = ("input", "subtotals", "rejected", "invoices")


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Args:
        events: of a row that measures a rate.
        customers: of a row that measures many customers.
        seconds: of a row that measures delays or answers.
        stock_seconds: given to the stock pipeline.
        close_customers: of a month that is closed.
        ids: in the window when counting with ids is measured.
        curve_points: of each curve, first and last included.
        rough: whether a rate with too few commits counts from the program's start instead of failing: for tests.
    """

    events: int = 7_000_000
    customers: int = 1_000_000
    seconds: float = 4.0
    stock_seconds: float = 7.0
    close_customers: int = 15_000
    ids: int = 4_000_000
    curve_points: int = 3
    rough: bool = False


@dataclass(frozen=True)
class Filled:
    """A topic of events.

    Args:
        shape: of the events.
        topic: its name.
        events: how many it holds.
        maker: has made them, and makes more of them.
    """

    shape: Shape
    topic: str
    events: int
    maker: EventMaker

    @property
    def truth(self) -> Truth:
        """What all events of the maker add up to."""
        return self.maker.truth


class Stage:
    """A broker and what runs around it.

    The worker has the first core; the broker, and whoever produces or watches, has the others. With one core they
    share it.
    """

    def __init__(
        self, servers: str, directory: Path, sizes: Sizes, cores: Sequence[int], broker_pids: Sequence[int | None] = ()
    ) -> None:
        self.servers = servers
        self.directory = directory
        self.sizes = sizes
        self.cores = list(cores)
        self._broker_pids = [pid for pid in broker_pids if pid is not None]
        self._filled: dict[tuple[Shape, int], Filled] = {}
        # Topic -> the settings of a deployment that has counted it: its changelog is there.
        self.counted: dict[str, dict[str, str]] = {}
        # Another stage may have the same broker.
        self._token = uuid.uuid4().hex[:6]
        self._names = 0

    @property
    def worker_cores(self) -> list[int]:
        """Where the program under measurement runs."""
        return self.cores[:1]

    @property
    def broker_cores(self) -> list[int]:
        """Where all else runs."""
        return self.cores[1:] or self.cores

    @contextmanager
    def broker_everywhere(self) -> Iterator[None]:
        """Let the broker run wherever there is room, while each core has a program under measurement of its own."""
        self._move_broker(self.cores)
        try:
            yield
        finally:
            self._move_broker(self.broker_cores)

    def _move_broker(self, cores: Sequence[int]) -> None:
        for pid in self._broker_pids:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError):  # it has just ended
                    os.sched_setaffinity(int(thread.name), cores)

    def broker_cpu_seconds(self) -> float:
        """Return the CPU time that the broker has used so far; 0 if it is somebody else's."""
        return sum(map(cpu_seconds, self._broker_pids))

    def new_name(self, what: str) -> str:
        """Return a name that nobody else gets."""
        self._names += 1
        return f"{what}-{self._token}-{self._names}"

    def filled(self, shape: Shape, events: int | None = None) -> Filled:
        """Return a topic of so many events of a shape, filled at the first request."""
        wanted = (shape, events or self.sizes.events)
        if wanted not in self._filled:
            self._filled[wanted] = self._fill(*wanted)
        return self._filled[wanted]

    def environment(self, name: str, topic: str, partitions: int) -> dict[str, str]:
        """Return the settings of a deployment of that name over an input topic, as variables; makes its topics."""
        environment = {
            "QB_BOOTSTRAP_SERVERS": self.servers,
            "QB_INPUT_TOPIC": topic,
            "QB_SUBTOTALS_TOPIC": f"{name}.subtotals",
            "QB_REJECTED_TOPIC": f"{name}.rejected",
            "QB_INVOICES_TOPIC": f"{name}.invoices",
            "QB_CONSUMER_GROUP": name,
            "QB_INPUT_PARTITIONS": str(partitions),
            "QB_STATE_DIR": str(self.directory / name),
            "QB_COMMIT_INTERVAL_SECONDS": str(COMMIT_SECONDS),
            "QB_INSTANCE": "bench",
        }
        ensure_topics(settings_of(environment), TOPICS)
        return environment

    def log(self, name: str) -> Path:
        """Return the file for what a program writes."""
        return self.directory / f"{name}.log"

    def _fill(self, shape: Shape, events: int) -> Filled:
        topic = f"{self.new_name(shape.name)}.incoming"
        self.environment(topic.removesuffix(".incoming"), topic, shape.partitions)
        filled, began = Filled(shape, topic, events, EventMaker(shape)), time.monotonic()
        send(self, filled, events)
        print(f"  {events:,} events of shape {shape.name} in {time.monotonic() - began:.1f} s", flush=True)
        ends = end_offsets(self.servers, topic, shape.partitions)
        if sum(ends) != events:
            raise RuntimeError(f"{topic} holds {sum(ends)} records, not {events}")
        return filled


def send(stage: Stage, filled: Filled, events: int) -> None:
    """Send so many more events of a topic."""
    with on_cores(stage.cores), BulkProducer(stage.servers, filled.topic) as producer:
        for chunk in ahead(filled.maker.chunks(events)):
            producer.send(chunk.payloads, chunk.keys, chunk.partitions)


def ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Yield chunks, each of which is made while the one before is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = maker.submit(next, chunks, None)
            yield chunk


def as_variables(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings by name as variables."""
    return {f"QB_{name.upper()}": str(value) for name, value in settings.items()}


def settings_of(environment: dict[str, str]) -> Settings:
    """Return the settings that variables stand for."""
    return load_settings({}, environment)


def end_offsets(servers: str, topic: str, partitions: int) -> list[int]:
    """Return the end of each partition."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "bench-ends"})
    try:
        return [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in range(partitions)]
    finally:
        consumer.close()


@contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """Let this thread, and those that it starts meanwhile, run on other cores: while nothing is measured."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def set_up(sizes: Sizes) -> Iterator[Stage]:
    """Start a broker on its cores, and stop it in the end; this process stays on the broker's cores."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="qb-bench-") as name:
        directory = Path(name)
        with on_cores(cores[1:] or cores), KafkaBroker(directory / "kafka", free_port()) as broker:
            yield Stage(broker.bootstrap_servers, directory, sizes, cores, broker.pids)
