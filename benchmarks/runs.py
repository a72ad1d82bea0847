"""Runs of programs that read a topic of events: the processor, a bare consumer, others; each gives a rate."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from benchmarks.child import Child, ChildError, Part
from benchmarks.rate import Rate, Samples
from benchmarks.stage import Filled, Stage, as_variables
from benchmarks.truth import check_subtotals

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 600.0
_MIB = 1024 * 1024
# The processor's server runs on the core that is measured, so it is asked seldom.
_METRIC_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """What a run of the processor came to.

    Args:
        rate: of its events, after those that only warm up.
        whole: of all its events.
        commit_micros: time of all commits but the first, by its own metrics, per subtotal that they published. In the
            first one client, broker and State get to know each other; it counts where there is no other.
        subtotals_per_commit: how many each of these published.
        peak_mib: the most memory that it held.
        state_mib: size of its State when it had ended.
        ids: how many ids it knew in the end.
        ids_bytes: the memory that they took.
        environment: the deployment's settings, for who goes on from it.
    """

    rate: Rate
    whole: Rate
    commit_micros: float
    subtotals_per_commit: int
    peak_mib: float
    state_mib: float
    ids: float
    ids_bytes: float
    environment: dict[str, str]


@dataclass(frozen=True)
class Commits:
    """How many commits a processor has made, how long they took, and how many subtotals they published."""

    number: float = 0.0
    seconds: float = 0.0
    published: float = 0.0

    @classmethod
    def of(cls, part: Part) -> Self:
        """Return what a processor's metrics say of that."""
        duration = "billing_processor_commit_duration_seconds"
        names = f"{duration}_count", f"{duration}_sum", "billing_processor_subtotals_published_total"
        return cls(*(part.metric(name) or 0.0 for name in names))

    def since(self, before: "Commits") -> "Commits":
        """Return what has come since."""
        return Commits(self.number - before.number, self.seconds - before.seconds, self.published - before.published)


def run_processor(stage: Stage, filled: Filled, warm_events: int = 0, **settings: object) -> Run:
    """Let ``qb process`` count a topic on the worker's core, check its totals, delete its State; return what that took.

    The rate is that from the first commit of at least `warm_events` on. Settings that the stage has not, or has
    otherwise, go by name.

    Raises:
        InexactError: its totals are not those of the events.
        ChildError: it ended.
    """

    def watched(name: str, part: Part, on_first: Callable[[], None]) -> Samples:
        return watch(stage, filled, name, [part], on_first)

    return _run(stage, filled, settings, watched, warm_events)


def run_moving(stage: Stage, filled: Filled, keyed_partitions: int) -> Run:
    """Let ``qb process`` move a topic by customer and count it from there, as :func:`run_processor` does.

    Its committed offsets count markers of transactions too, so its own metrics tell what it has counted.

    Raises:
        InexactError: its totals are not those of the events.
        ChildError: it ended.
    """
    settings = {
        "dedup_scope": "topic",
        "keyed_topic": stage.new_name("keyed"),
        "keyed_partitions": keyed_partitions,
    }
    return _run(stage, filled, settings, lambda _, part, __: watch_counted(stage, filled, part))


def _run(
    stage: Stage,
    filled: Filled,
    settings: Mapping[str, object],
    watched: Callable[[str, Part, Callable[[], None]], Samples],
    warm_events: int = 0,
) -> Run:
    name = stage.new_name("run")
    environment = stage.environment(name, filled.topic, filled.shape.partitions)
    environment |= as_variables(settings)
    with Part("process", stage.worker_cores, stage.log(name), environment, "QB_PROCESSOR_PORT") as part:
        before = Commits()

        def note_first() -> None:
            nonlocal before
            before = Commits.of(part)

        samples = watched(name, part, note_first)
        peak_mib = part.memory_mib()
        every = Commits.of(part)
        commits = every.since(before) if every.number > before.number else every
        ids = part.metric("billing_processor_known_ids") or 0.0
        ids_bytes = part.metric("billing_processor_known_ids_memory_bytes") or 0.0
    check_subtotals(stage.servers, environment["QB_SUBTOTALS_TOPIC"], filled.shape.partitions, filled.truth)
    state = Path(environment["QB_STATE_DIR"])
    state_mib = sum(path.stat().st_size for path in state.rglob("*") if path.is_file()) / _MIB
    shutil.rmtree(state, ignore_errors=True)
    rates = samples.rate(warm_events), samples.rate()
    commit_micros, subtotals = (
        commits.seconds * 1e6 / (commits.published or 1),
        commits.published / (commits.number or 1),
    )
    return Run(*rates, commit_micros, round(subtotals), peak_mib, state_mib, ids, ids_bytes, environment)


def watch_counted(stage: Stage, filled: Filled, part: Part) -> Samples:
    """Note what a processor has counted, by its own metrics, until that is the whole topic.

    Raises:
        ChildError: it did not come to that.
    """
    samples = Samples(time.monotonic() if stage.sizes.rough else None)

    def is_done() -> bool:
        counts = (part.metric(f"billing_processor_events_{kind}_total") for kind in ("accepted", "rejected"))
        counted = int(sum(count or 0.0 for count in counts))
        samples.note(time.monotonic(), counted, part.cpu_seconds())
        return counted >= filled.events

    wait_for(is_done, "all is counted", [part], _METRIC_SECONDS)
    return samples


def watch(
    stage: Stage,
    filled: Filled,
    group: str,
    children: Sequence[Child],
    on_first: Callable[[], None] = lambda: None,
) -> Samples:
    """Note what a group has committed until that is the whole topic; call `on_first` when it has committed anything.

    Raises:
        ChildError: it did not come to that.
    """
    samples = Samples(time.monotonic() if stage.sizes.rough else None)
    has_committed = False
    for committed in committed_offsets(stage.servers, filled.topic, filled.shape.partitions, group):
        if committed and not has_committed:
            has_committed = True
            on_first()
        samples.note(time.monotonic(), committed, sum(child.cpu_seconds() for child in children))
        if committed >= filled.events:
            return samples
        for child in children:
            child.require_running()
    raise ChildError(f"not done in {PATIENCE_SECONDS:.0f} s: {children[0].last_words()}")


def committed_offsets(servers: str, topic: str, partitions: int, group: str) -> Iterator[int]:
    """Yield the sum of a group's committed offsets again and again, until patience ends."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "isolation.level": "read_uncommitted"})
    wanted = [TopicPartition(topic, partition) for partition in range(partitions)]
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while time.monotonic() < deadline:
            yield sum(max(0, one.offset) for one in consumer.committed(wanted, timeout=30))
            time.sleep(POLL_SECONDS)
    finally:
        consumer.close()


def run_bare(stage: Stage, topic: str, partitions: int, records: int) -> Rate:
    """Return the rate of a consumer that does nothing with what it reads, on the worker's core."""
    return _measured(stage, "bare", [topic, str(partitions), str(records)])


def run_unread(stage: Stage, filled: Filled) -> Rate:
    """Return the rate at which librdkafka gives records that nobody reads, on the worker's core."""
    return _run_summed(stage, filled, "unread")


def run_summed(stage: Stage, filled: Filled) -> Rate:
    """Return the rate of events that are summed in memory and nothing else; see :mod:`benchmarks.summed`."""
    return _run_summed(stage, filled, "summed")


def _run_summed(stage: Stage, filled: Filled, what: str) -> Rate:
    return _measured(stage, "summed", [filled.topic, str(filled.shape.partitions), str(filled.events), what])


def run_stock(stage: Stage, filled: Filled) -> Rate:
    """Return the rate of the same job as Quix's documentation shows it, on the worker's core."""
    name = stage.new_name("stock")
    seconds, folder = str(stage.sizes.stock_seconds), str(stage.directory / name)
    return _measured(stage, "stock", [filled.topic, str(filled.events), seconds, folder, name])


def run_floor(
    stage: Stage, partitions: int, customers: int, records: int, seconds: float, input_topic: str = ""
) -> Rate:
    """Return the rate of subtotals that are written by hand, beside a reader or not; see :mod:`benchmarks.floor`."""
    name = stage.new_name("floor")
    environment = stage.environment(name, f"{name}.incoming", partitions)
    folder = stage.directory / name
    arguments = [str(folder), environment["QB_SUBTOTALS_TOPIC"], str(partitions), str(customers), str(records)]
    rate = _measured(stage, "floor", [*arguments, str(seconds), *([input_topic] if input_topic else [])])
    shutil.rmtree(folder, ignore_errors=True)
    return rate


def run_ids_floor(stage: Stage, partitions: int, ids: int, seconds: float) -> Rate:
    """Return the rate of ids that are kept by hand, so many in each transaction; see :mod:`benchmarks.ids_floor`."""
    name = stage.new_name("ids-floor")
    environment = stage.environment(name, f"{name}.incoming", partitions)
    folder = stage.directory / name
    arguments = [str(folder), environment["QB_SUBTOTALS_TOPIC"], str(partitions), str(ids), str(seconds)]
    rate = _measured(stage, "ids_floor", arguments)
    shutil.rmtree(folder, ignore_errors=True)
    return rate


def run_reject_floor(stage: Stage, seconds: float) -> Rate:
    """Return the rate of records that are rejected by hand; see :mod:`benchmarks.reject_floor`."""
    environment = stage.environment(name := stage.new_name("reject-floor"), f"{name}.incoming", 1)
    return _measured(stage, "reject_floor", [environment["QB_REJECTED_TOPIC"], str(seconds)])


def _measured(stage: Stage, module: str, arguments: list[str]) -> Rate:
    log = stage.log(stage.new_name(module))
    command = [sys.executable, "-m", f"benchmarks.{module}", stage.servers, *arguments]
    with Child(command, stage.worker_cores, log) as child:
        wait_for(lambda: child.ended, f"{module} ends", children=())
    words = log.read_text("utf-8").splitlines()
    try:
        return Rate(**json.loads(words[-1]))
    except (IndexError, TypeError, ValueError) as error:
        raise ChildError(f"{module} told no rate: {child.last_words()}") from error


def wait_for(
    condition: Callable[[], bool], what: str, children: Sequence[Child], poll_seconds: float = POLL_SECONDS
) -> float:
    """Wait until a condition holds and return the moment at which it did.

    Raises:
        ChildError: it does not in time, or a child that must run has ended.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise ChildError(f"not in {PATIENCE_SECONDS:.0f} s: {what}")
        for child in children:
            child.require_running()
        time.sleep(poll_seconds)
    return time.monotonic()
