"""Events per second: a bare consumer, our processor and a stock Quix pipeline, in one run on one broker, as ratios.

All read the same topic (CSV of about 45 bytes, keyed by customer, 4 partitions, 1,000 customers, 3 months, 5 types),
each in a process of its own pinned to the first core, with the broker on the others:

* bare: ``consume(10000)`` and ``value()``, garbage collection tuned, nothing else: the limit for Python.
* processor: ``qb process``, exactly-once, as it is shipped. Counted from its own metrics, which count what is
  committed; afterwards its totals are compared with the totals of what was produced.
* stock: one message at a time through a StreamingDataFrame, exactly-once, State per message, a subtotal out per
  message, the same commit interval: the same job as one would first write it.

A rate is (last count - first count) / (time between them), so that start-up counts for nobody. Machines differ and
drift: only the ratios are worth quoting.

Run ``python -m benchmarks.throughput`` (``--events`` and ``--stock-seconds`` make it shorter).
"""

import argparse
import gc
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from billing.event import DEFAULT_TYPES
from billing.period import month_calendar
from billing.runtime.kafka import ensure_topics
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings, load_settings
from billing.subtotal import CustomerMonthKey, decode_key, decode_sums
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port

CUSTOMERS = 1_000
FIRST_SECOND, LAST_SECOND = 1_483_228_800, 1_490_996_000  # three months of 2017
PARTITIONS = 4
POLL_SECONDS = 0.1


@dataclass
class Rate:
    """How many events between two moments, a second."""

    first: tuple[float, int] | None = None
    last: tuple[float, int] | None = None

    def note(self, events: int) -> None:
        """Take in a count; one that does not move is not a measurement."""
        if events > 0 and (self.last is None or events > self.last[1]):
            self.last = (time.monotonic(), events)
            self.first = self.first or self.last

    @property
    def events_per_second(self) -> float:
        """The rate between the first and the last count that moved."""
        if self.first is None or self.last is None or self.first == self.last:
            raise SystemExit("too few counts to tell a rate: use more --events")
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])


def main() -> None:
    """Run all three and print the table."""
    arguments = _parse()
    if arguments.child:
        {"bare": _bare, "stock": _stock}[arguments.child](arguments)
        return
    cores = sorted(os.sched_getaffinity(0))
    worker_core, broker_cores = cores[0], cores[1:] or cores
    with tempfile.TemporaryDirectory() as directory:
        os.sched_setaffinity(0, broker_cores)
        with KafkaBroker(Path(directory, "kafka"), free_port()) as broker:
            settings = _settings(broker.bootstrap_servers, Path(directory))
            ensure_topics(settings, ("input", "subtotals", "rejected"))
            expected = _produce(settings, arguments.events)
            print(f"{arguments.events:,} events produced; worker on core {worker_core}, broker on {broker_cores}")
            rates = {
                "bare": _child_rate("bare", settings, arguments, worker_core),
                "processor": _processor_rate(settings, arguments.events, worker_core),
            }
            _check(settings, expected)
            rates["stock"] = _child_rate("stock", settings, arguments, worker_core)
    print(f"{'':<12}{'events/s':>12}{'of bare':>10}{'x stock':>10}")
    for name, rate in rates.items():
        print(f"{name:<12}{rate:>12,.0f}{rate / rates['bare']:>10.2f}{rate / rates['stock']:>10.1f}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=8_000_000, help="events in the topic (%(default)s)")
    parser.add_argument("--stock-seconds", type=float, default=15, help="time given to the stock pipeline")
    parser.add_argument("--child", choices=("bare", "stock"), help=argparse.SUPPRESS)
    parser.add_argument("--servers", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _settings(servers: str, directory: Path) -> Settings:
    values = {"bootstrap_servers": servers, "state_dir": directory / "state", "commit_interval_seconds": 1.0}
    return load_settings({**values, "instance": "bench", "processor_port": free_port()}, {})


def _produce(settings: Settings, events: int) -> dict[tuple[str, str, str], list[int]]:
    """Fill the input topic and return [micros, count] by (month, customer, type)."""
    draw, calendar = random.Random(1), month_calendar("UTC")
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 50, "batch.size": 1_000_000})
    expected: dict[tuple[str, str, str], list[int]] = {}
    for _ in range(events):
        second, cents = draw.randrange(FIRST_SECOND, LAST_SECOND), draw.randrange(100_000)
        customer, type_ = f"customer-{draw.randrange(CUSTOMERS):06d}", DEFAULT_TYPES[draw.randrange(5)]
        entry = expected.setdefault((calendar.month_of(second * 1_000), customer, type_), [0, 0])
        entry[0] += cents * 10_000
        entry[1] += 1
        line = f"{second},{customer},{cents // 100}.{cents % 100:02d},{type_}"
        while True:
            try:
                producer.produce(settings.input_topic, line, customer)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return expected


def _child_rate(name: str, settings: Settings, arguments: argparse.Namespace, core: int) -> float:
    command = [sys.executable, "-m", "benchmarks.throughput", "--child", name, "--events", str(arguments.events)]
    command += ["--servers", settings.bootstrap_servers, "--directory", str(settings.state_dir)]
    command += ["--stock-seconds", str(arguments.stock_seconds)]
    result = subprocess.run(_pinned(command, core), check=True, stdout=subprocess.PIPE, text=True)
    return float(result.stdout.split()[-1])


def _pinned(command: list[str], core: int) -> list[str]:
    return ["taskset", "--cpu-list", str(core), *command]


def _processor_rate(settings: Settings, events: int, core: int) -> float:
    """Run ``qb process`` until it has committed everything."""
    environment = {
        **os.environ,
        "QB_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "QB_STATE_DIR": str(settings.state_dir),
        "QB_COMMIT_INTERVAL_SECONDS": str(settings.commit_interval_seconds),
        "QB_PROCESSOR_PORT": str(settings.processor_port),
        "QB_INSTANCE": settings.instance,
        "QB_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen(_pinned([sys.executable, "-m", "qb", "process"], core), env=environment)
    rate = Rate()
    try:
        for committed in _committed(settings.processor_port):
            rate.note(committed)
            if committed >= events:
                return rate.events_per_second
        raise SystemExit("the processor stopped before it had counted everything")
    finally:
        process.terminate()
        process.wait()


def _committed(port: int) -> Iterator[int]:
    """Yield how many events the processor has committed, ten times a second, for ten minutes at most."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            continue
        lines = [line for line in text.splitlines() if line.startswith("billing_processor_events_accepted_total{")]
        yield int(sum(float(line.split()[-1]) for line in lines))


def _check(settings: Settings, expected: dict[tuple[str, str, str], list[int]]) -> None:
    """Compare what the processor arrived at with what was produced."""
    latest: dict[bytes, bytes] = {}
    with TopicReader(settings, settings.subtotals_topic, PARTITIONS) as reader:
        for batch in reader.read_to_end():
            latest |= {record.key: record.value for record in batch if record.key and record.value}
    found: dict[tuple[str, str, str], list[int]] = {}
    for key, value in latest.items():
        decoded = decode_key(key)
        if isinstance(decoded, CustomerMonthKey):
            for type_, (micros, count) in decode_sums(value).items():
                entry = found.setdefault((decoded.month, decoded.customer, type_), [0, 0])
                entry[0] += micros
                entry[1] += count
    if found != expected:
        raise SystemExit("the processor's totals are not those of the events: no rate is worth printing")
    print("the processor's totals equal those of the events produced, to the micro")


def _bare(arguments: argparse.Namespace) -> None:
    """Consume and look at each value, as fast as Python can."""
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.servers,
            "group.id": "bare",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 10,
        }
    )
    topic = Settings().input_topic
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    rate, seen = Rate(), 0
    while seen < arguments.events:
        values = [message.value() for message in consumer.consume(10_000, 0.05)]
        seen += len(values)
        rate.note(seen)
    consumer.close()
    print(rate.events_per_second)


def _stock(arguments: argparse.Namespace) -> None:
    """The same job, one message at a time, as the library's documentation shows it."""
    from quixstreams import Application, State

    from billing.event import EventRules, decode_event

    rules, calendar, rate = EventRules(), month_calendar("UTC"), Rate()
    deadline = time.monotonic() + arguments.stock_seconds + 10

    def count(payload: bytes, state: State[str, list[int]]) -> dict[str, object]:
        event = decode_event(payload, rules, 2_000_000_000_000)
        name = f"{calendar.month_of(event.timestamp_ms)}|{event.type}"
        total, number = state.get(name, default=[0, 0])
        state.set(name, [total + event.amount_micros, number + 1])
        return {"customer": event.customer, "name": name, "total": total + event.amount_micros, "count": number + 1}

    seen = 0

    def note(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen % 1_000 == 0:
            rate.note(seen)
            if time.monotonic() > deadline or seen >= arguments.events:
                application.stop()

    application = Application(
        broker_address=arguments.servers,
        consumer_group="stock",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=1.0,
        state_dir=arguments.directory / "stock",
        loglevel=None,
        on_message_processed=note,
    )
    incoming = application.topic(Settings().input_topic, value_deserializer="bytes")
    outgoing = application.topic("stock.subtotals", value_serializer="json")
    frame = application.dataframe(incoming)
    frame.apply(count, stateful=True).to_topic(outgoing)
    application.run()
    print(rate.events_per_second)


if __name__ == "__main__":
    main()
