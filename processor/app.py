"""Starts the processor: topics, application, metrics; and says what happened when it stops."""

import argparse
import gc
import time
from collections.abc import Callable, Mapping
from enum import Enum

from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from billing.client_names import counting_transactional_ids
from billing.period import month_calendar
from billing.runtime.access.access import make_access
from billing.runtime.claimed_instance import claimed_instance
from billing.runtime.fetching import careful, largest_batch_bytes, swift, unpacked_too_much
from billing.runtime.kafka import admin_client, ensure_topics, reader_config
from billing.runtime.logs import get_logger
from billing.runtime.memory import keep_freed_memory
from billing.runtime.part_server import Listening, part_served
from billing.runtime.pulse import KafkaProbe, Pulse
from billing.runtime.signals import stop_on_signals
from billing.runtime.topic_check import look_at, widen_changelog
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings
from billing.topics import LARGEST_RECORD_BYTES, counted_role
from processor.care import CarefulLongEnoughError, CarefulRun, find_refused_batch
from processor.failures import is_unpacking_refused, log_failure, sort_failure
from processor.fold import FoldRules
from processor.id_table import IdLimits
from processor.joining import wait_for_own_end
from processor.member import instance_id, member_options
from processor.metrics import PartitionStatus, ProcessorMetrics, ProcessorStatus, StatusCollector
from processor.moving.moving import moving_beside
from processor.once import OnceRules
from processor.open_ends import OpenEnds
from processor.quix_adapter import BatchingApplication
from processor.scope import check_scope
from processor.second_look import SecondLook
from processor.state_options import StateOptions, state_options
from processor.subtotals_place import check_subtotals_place
from processor.takeover import StateMismatchError
from processor.worker import BillingWorker

logger = get_logger(__name__)

# The collector of Python's garbage otherwise walks every gathered record again and again.
GC_THRESHOLDS = (200_000, 50, 100)

# Failures in a row without a commit after which the processor gives up and exits; the pause grows by a second each.
MOST_FAILURES = 8
MOST_PAUSE_SECONDS = 5

# How long the loop may ask for no records and still be at work: a restart of State, or a commit held up, is not.
SILENT_SECONDS = 30.0

TOPICS = ("input", "keyed", "moved", "subtotals", "rejected", "changelog")


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Process events until SIGINT or SIGTERM. Returns the exit code.

    A failure that may pass, such as a broker that restarts, is tried again from the last commit.

    Raises:
        OperatorError: something that a person has to mend; nothing was miscounted.
    """
    with claimed_instance(settings) as claimed:
        return _run(claimed)


def _run(settings: Settings) -> int:
    partitions = ensure_topics(settings, TOPICS)
    check_scope(settings, partitions["input"])
    check_subtotals_place(settings, partitions[counted_role(settings)], partitions["subtotals"])
    registry = CollectorRegistry()
    access = make_access(settings, registry)
    metrics = ProcessorMetrics(registry, settings.types)
    pulse, moving_pulse = Pulse("counting", SILENT_SECONDS), Pulse("moving", SILENT_SECONDS)
    pulses = [pulse, moving_pulse] if settings.dedup_scope == "topic" else [pulse]
    at = Listening("processor", settings.processor_host, settings.processor_port, settings.allowed_hosts)
    with (
        KafkaProbe(settings, settings.input_topic) as kafka,
        part_served(registry, lambda: [kafka.check(), *(one.check() for one in pulses)], at, access),
        TopicWatch(settings, TOPICS, registry) as topics,
        moving_beside(settings, registry, moving_pulse, topics.raise_refusal) as moving_goes_on,
    ):
        processor = Processor(settings, partitions["subtotals"], metrics, topics.raise_refusal, pulse, moving_goes_on)
        registry.register(StatusCollector(processor.status))
        keep_freed_memory()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        failures = 0
        while failures < MOST_FAILURES:
            outcome = processor.run_once()
            if outcome is Outcome.STOPPED:
                logger.info("processor stopped", instance=settings.instance)
                return 0
            failures = 1 if outcome is Outcome.FAILED_AFTER_COMMITS else failures + 1
            if _told_to_stop_within(min(failures, MOST_PAUSE_SECONDS)):
                return 0
    logger.error("processor gives up", instance=settings.instance, failures_without_commit=failures)
    return 1


class Outcome(Enum):
    """How a run of the application ended."""

    STOPPED = "told to stop"
    FAILED_AFTER_COMMITS = "failed in a way that may pass, after it had committed something"
    FAILED = "failed in a way that may pass, before it committed anything"


class Processor:
    """Runs the application, each time a new one: a failed one's client may still have messages under way.

    Args:
        settings: what it keeps to.
        subtotals_partitions: how many partitions the subtotals topic has.
        metrics: what it tells of itself.
        may_write: asked before each commit; raises what forbids it.
        pulse: told each time that records are asked for, and of each failure.
        may_read: asked each time that records are asked for; raises what forbids it.
    """

    def __init__(
        self,
        settings: Settings,
        subtotals_partitions: int,
        metrics: ProcessorMetrics,
        may_write: Callable[[], None],
        pulse: Pulse,
        may_read: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._subtotals_partitions = subtotals_partitions
        self._metrics = metrics
        self._may_write = may_write
        self._pulse = pulse
        self._may_read = may_read
        self._careful = False
        self._second_look = SecondLook(settings)
        self._running: tuple[BatchingApplication, BillingWorker] | None = None

    def status(self) -> ProcessorStatus | None:
        """Return the processor as it is now, None between two runs; may be asked from another thread."""
        running = self._running
        return None if running is None else status_of(*running)

    def run_once(self) -> Outcome:
        """Run the application until it is told to stop or fails in a way that may pass.

        Raises:
            OperatorError: something that a person has to mend.
        """
        settings = self._settings
        logger.info("processor starts", instance=settings.instance, topic=settings.counted_topic)
        may_write = CarefulRun(self._may_write) if self._careful else self._may_write
        worker = make_worker(settings, self._subtotals_partitions, self._metrics, may_write)
        try:
            admin = admin_client(settings, log_level=0)
            if self._is_stopped_before(admin):
                return Outcome.STOPPED
            # Partitions may have been added to the input just now, and Quix starts on no changelog that is narrower.
            widen_changelog(admin, settings)
            fast = swift(settings, largest_batch_bytes(admin, settings.counted_topic))
            fetching = careful(settings) if self._careful else fast
            partitions = look_at(admin, [settings.counted_topic]).topics[settings.counted_topic].partitions
            folder = settings.state_dir / settings.instance
            open_ends = OpenEnds(settings, self._subtotals_partitions)
            state = state_options(settings.state_buffer_bytes, partitions, folder)
            application = make_application(settings, worker, state, open_ends, fetching, self._on_poll)
            self._running = application, worker
            application.run()
        except Exception as error:
            failure = sort_failure(error, settings)
            if worker.commits:
                self._second_look.has_fitted()
            if isinstance(failure.told, StateMismatchError) and self._second_look.is_due():
                logger.warning(
                    "State does not fit: looking again, in case a commit does not show everywhere yet",
                    instance=settings.instance,
                    error=str(failure.told),
                )
                self._pulse.fail(type(error).__name__)
                return Outcome.FAILED
            if failure.told is not None:
                raise failure.told from error
            if self._careful and is_unpacking_refused(error):
                place = find_refused_batch(settings)
                raise unpacked_too_much(settings, settings.counted_topic, place) from error
            self._careful = is_unpacking_refused(error)
            if self._careful:
                logger.warning("a batch unpacks to too much, reading one at a time", instance=settings.instance)
            elif isinstance(error, CarefulLongEnoughError):
                logger.info("reading at full speed again", instance=settings.instance)
            else:
                log_failure(failure, settings.instance)
            if not isinstance(error, CarefulLongEnoughError):
                self._pulse.fail(type(error).__name__)
            return Outcome.FAILED_AFTER_COMMITS if worker.commits else Outcome.FAILED
        finally:
            self._running = None
        return Outcome.STOPPED

    def _is_stopped_before(self, admin: AdminClient) -> bool:
        """Wait until this instance may join the group; return whether SIGINT or SIGTERM came meanwhile."""
        settings = self._settings
        with stop_on_signals() as stop:
            wait_for_own_end(
                admin, settings.consumer_group, instance_id(settings), settings.counted_topic, lambda: stop.requested
            )
        return stop.requested

    def _on_poll(self) -> None:
        self._pulse.beat()
        self._may_read()


def _told_to_stop_within(seconds: float) -> bool:
    """Wait, and return whether SIGINT or SIGTERM came meanwhile: nothing else listens between two runs."""
    deadline = time.monotonic() + seconds
    with stop_on_signals() as stop:
        while not stop.requested and time.monotonic() < deadline:
            time.sleep(0.05)
    return stop.requested


def make_worker(
    settings: Settings,
    subtotals_partitions: int,
    metrics: ProcessorMetrics,
    may_write: Callable[[], None] = lambda: None,
) -> BillingWorker:
    """Return the worker that the settings describe, for a subtotals topic of so many partitions.

    `may_write` is asked before each commit, and raises what forbids it.
    """
    rules = FoldRules(
        events=settings.event_rules,
        calendar=month_calendar(settings.time_zone),
        out_of_orderness_ms=int(settings.out_of_orderness_seconds * 1_000),
        once=OnceRules(
            settings.dedup_window_days,
            settings.keep_duplicates,
            IdLimits(settings.dedup_memory_bytes, settings.dedup_cache_bytes, settings.state_dir / settings.instance),
        ),
    )
    return BillingWorker(settings, subtotals_partitions, rules, settings.clock, metrics, may_write)


def make_application(
    settings: Settings,
    worker: BillingWorker,
    state: StateOptions,
    open_ends: OpenEnds,
    fetching: Mapping[str, object] | None = None,
    on_poll: Callable[[], None] = lambda: None,
) -> BatchingApplication:
    """Return the Quix application around a worker; `on_poll` is called each time it asks for records.

    Its topics must exist. `state` are the options of State's stores, `open_ends` tells what hangs, `fetching` are those
    of :mod:`billing.runtime.fetching`, the careful ones if not given.
    """
    return BatchingApplication(
        worker,
        input_topic=settings.counted_topic,
        batch_messages=settings.batch_messages,
        natively=settings.native_reading,
        on_poll=on_poll,
        reader_options=reader_config(settings),
        widen_changelog=lambda: widen_changelog(admin_client(settings, log_level=0), settings),
        open_ends=open_ends.of,
        broker_address=settings.bootstrap_servers,
        consumer_group=settings.consumer_group,
        commit_interval=settings.commit_interval_seconds,
        state_dir=settings.state_dir / settings.instance,
        rocksdb_options=state,
        loglevel=None,
        consumer_extra_config={
            "client.id": f"qb-{settings.instance}",
            **member_options(settings),
            **(fetching or careful(settings)),
            **settings.kafka,
        },
        producer_extra_config={
            "client.id": f"qb-{settings.instance}",
            # Stable, so that a restarted instance ends the transaction its dead self left open.
            "transactional.id": f"{counting_transactional_ids(settings)}{settings.instance}",
            # About 1 us a message instead of up to 1.9; what a commit waits for is its flush, not the linger.
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
            # A rejected record is handed on whole, and somewhat larger than it came.
            "message.max.bytes": LARGEST_RECORD_BYTES,
            "compression.type": "lz4",
            **settings.kafka,
        },
    )


def status_of(application: BatchingApplication, worker: BillingWorker) -> ProcessorStatus:
    """Return the processor as it is now; may be asked from another thread."""
    partitions = []
    for partition, book in sorted(worker.books.copy().items()):
        end = application.end_offset(partition)
        lag = None if end is None else max(0, end - book.progress.next_offset)
        partitions.append(
            PartitionStatus(
                partition,
                book.progress.watermark_ms,
                lag,
                book.hot_entries,
                book.ids,
                book.ids_memory_bytes,
                book.ids_disk_bytes,
            )
        )
    return ProcessorStatus(
        tuple(partitions),
        application.recovering,
        application.restore_remaining_records,
        application.reads_natively,
    )
