"""A commit from its first step to its last: where the processor's transaction becomes atomic.

Together with `processor/quix_adapter.py` the only module that knows Quix's internals.

* :class:`BatchingContext` runs the steps: the worker writes inside the open transaction, then Quix ends it.
* :class:`DirectProducer` ends it, and notices where somebody else did.

docs/decisions/torn-transactions.md tells what a delayed EndTxn does to a transaction, and why each step is there.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Timer
from typing import Any, Protocol

from confluent_kafka import KafkaError, Producer

from billing.runtime.kafka import meet_brokers
from billing.runtime.logs import get_logger
from billing.runtime.native.block import PartitionRecords
from billing.runtime.native.copying import Joined, copies
from billing.runtime.native.producing import BulkProducer, HeaderColumn
from processor.store import LoggedStore, Store
from processor.takeover import Takeover

# Quix imports the HTTP client of its cloud, which insists on showing a warning of its own future.
with warnings.catch_warnings(record=True):
    from quixstreams.internal_producer import InternalProducer
    from quixstreams.kafka import producer as quix_producer
    from quixstreams.processing import ProcessingContext
    from quixstreams.state.metadata import CHANGELOG_CF_MESSAGE_HEADER, CHANGELOG_PROCESSED_OFFSETS_MESSAGE_HEADER
    from quixstreams.utils.json import dumps

logger = get_logger(__name__)

# How long a commit may take: longer than a cluster needs to replace a broker, shorter than a transaction stays open.
COMMIT_SECONDS = 20.0
# How much longer the client may take until it is taken to be stuck.
HELD_UP_SECONDS = 5.0
# How long all brokers may take to know partitions that one has just made.
LEARN_SECONDS = 10.0
# Where commits are further apart, nothing is produced before them: a broker ends a transaction that stays open.
_AHEAD_SECONDS = 10.0
# A key that no State has.
_NO_KEY = b"nothing"


class CommitInDoubtError(Exception):
    """A commit was given up, or not answered at its first try: what is under way may end a later transaction."""


class Output(Protocol):
    """Produces in the open transaction."""

    def produce_all(self, topic: str, partition: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Produce records to one partition, in their order."""
        ...

    def produce_each(self, topic: str, keys: Joined, values: Joined, headers: Sequence[HeaderColumn]) -> None:
        """Produce records to the partitions of their keys; `headers` holds, by name, one for each record."""
        ...


class BatchWorker(Protocol):
    """What the adapter drives. All calls come from one thread."""

    def take_over(self, takeover: Takeover, store: Store) -> None:
        """Accept a partition, with its State to read from, before its first batch."""
        ...

    @property
    def wants_commit(self) -> bool:
        """Whether a commit should not wait until it is due."""
        ...

    def count(self, records: PartitionRecords) -> None:
        """Take records of one partition, in offset order. They are released when this returns."""
        ...

    def ahead(self, partition: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """Return keys and values that the next commit will hardly write otherwise to a partition's State, each once.

        If the commit sets the very same object under a key, that is what the changelog has already.
        """
        ...

    def before_commit(self, store_of: Callable[[int], Store], output: Output) -> None:
        """Write and produce, inside the open transaction, all that was counted.

        The partition that is produced to first must be one of a compacted topic: its last record is written twice.
        """
        ...

    def repeat(self, partitions: Iterable[int], store_of: Callable[[int], LoggedStore], output: Output) -> None:
        """Write a record of each of these partitions again as it is committed, to its changelog and its totals."""
        ...

    def after_commit(self, seconds: float) -> None:
        """Learn that the commit is done, and how long it took. Not called of one that was given up."""
        ...

    def let_go(self, partitions: Sequence[int]) -> None:
        """Forget partitions: what was not committed is read again by whoever owns them next."""
        ...


@dataclass(frozen=True)
class _TransactionStore:
    """The State of one partition through the transaction of the open checkpoint."""

    transaction: Any

    def get(self, key: bytes) -> bytes | None:
        data: bytes | None = self.transaction.get_bytes(key=key, prefix=b"")
        return data

    def get_committed(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        family = self.transaction._partition.get_or_create_column_family("default")
        found: Sequence[bytes | None] = family.get(list(keys)) if keys else []
        return found

    def set_all(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        if not keys:
            return
        # One by one through Quix, which has a case for values that expire, each would cost more than its encoding.
        cache = self.transaction._update_cache
        cache.set(keys[-1], values[-1], b"")
        cache.get_updates()[b""].update(zip(keys, values, strict=True))

    def log_again(self, key: bytes, value: bytes | None) -> None:
        # As Quix writes what belongs to no offset: it is right whatever the group has committed.
        headers = {CHANGELOG_CF_MESSAGE_HEADER: "default", CHANGELOG_PROCESSED_OFFSETS_MESSAGE_HEADER: dumps(None)}
        self.transaction.changelog_producer.produce(key, value, headers)

    def delete_all(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            self.transaction._update_cache.delete(key, b"")


class _BulkChangelog:
    """Keeps what Quix produces to one partition of the changelog until all of it can be handed over at once.

    Args:
        changelog: Quix's producer of that partition.
        producer: what hands over.
    """

    def __init__(self, changelog: Any, producer: "DirectProducer") -> None:
        self._changelog = changelog
        self._producer = producer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._changelog, name)

    def produce(self, key: bytes, value: bytes | None = None, headers: Any = None, migration: bool = False) -> None:
        """Keep a record."""
        if migration or value is None:
            self._changelog.produce(key, value, headers, migration)
        else:
            self._producer.keep(self._changelog.changelog_name, self._changelog.partition, headers, key, value)


class DirectProducer(InternalProducer):
    """Hands records to the client as they are, at half the price: a commit produces two for each subtotal it changes.

    Quix's takes a look for delivery reports after each record and passes it through two functions. Reports are served
    once a batch, and where a commit waits for them.

    Args:
        known_topic: a topic that is there.
        natively: whether to try to hand over many records at once.
        options: what Quix's producer takes.
    """

    def __init__(self, known_topic: str, natively: bool = False, **options: Any) -> None:
        self._natively = natively
        self._known_topic = known_topic
        on_error = options.pop("on_error", None)
        super().__init__(on_error=on_error, **options)
        self._producer = quix_producer.Producer(
            **options, logger=quix_producer.logger, error_callback=self._note_trouble
        )
        self._client_id = str(options["extra_config"]["client.id"])
        self._bulk: BulkProducer | None = None
        # By partition of the changelog, what it has of the open transaction before Quix produces it.
        self._ahead: dict[tuple[str, int], dict[bytes, bytes]] = {}
        # What Quix has produced to partitions of the changelog: headers, keys, values.
        self._kept: dict[tuple[str, int], tuple[Mapping[str, str | bytes], list[bytes], list[bytes]]] = {}
        self._seal: _Seal | None = None
        self.troubles = 0
        """How often connections broke, or could not be made."""
        self.is_committed = False
        """Whether the transaction that was begun last is committed."""
        self.is_in_doubt = False
        """Whether a connection broke during a commit: an EndTxn that was sent twice may arrive twice."""

    def produce(  # type: ignore[override]  # Quix itself passes all but the topic by name
        self, topic: str, *, on_delivery: Any = None, **record: Any
    ) -> None:
        """Produce a record: value, key, headers, partition. Where the client has no room for it, wait as Quix does."""
        if on_delivery is not None:
            super().produce(topic, on_delivery=on_delivery, **record)
            return
        self._raise_for_error()  # type: ignore[no-untyped-call]
        try:
            self._producer._producer.produce(topic, on_delivery=self._on_delivery, **record)
        except BufferError:
            super().produce(topic, **record)

    def produce_all(self, topic: str, partition: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Produce records of the worker to one partition."""
        if keys:
            self._hand_over(topic, partition, keys, values, {})

    def produce_each(self, topic: str, keys: Joined, values: Joined, headers: Sequence[HeaderColumn]) -> None:
        """Produce records of the worker that never seal: by name, `headers` holds one for each record."""
        self._raise_for_error()  # type: ignore[no-untyped-call]
        if self._bulk is not None:
            self._bulk.produce_each(topic, keys, values, headers)
            return
        names = [name for name, _ in headers]
        columns = [copies(*places) for _, *places in (keys, values, *(column for _, column in headers))]
        for key, value, *row in zip(*columns, strict=True):
            self.produce(topic, key=key, value=value, headers=list(zip(names, row, strict=True)))

    def keep(self, topic: str, partition: int, headers: Mapping[str, str | bytes], key: bytes, value: bytes) -> None:
        """Keep a record of the changelog: all of a partition are handed over with the next :meth:`flush`."""
        if self._ahead.get((topic, partition), {}).get(key) is value:
            return
        _, keys, values = self._kept.setdefault((topic, partition), (headers, [], []))
        keys.append(key)
        values.append(value)

    def hand_ahead(
        self,
        topic: str,
        partition: int,
        headers: Mapping[str, str | bytes],
        keys: Sequence[bytes],
        values: Sequence[bytes],
    ) -> None:
        """Produce records of the changelog before Quix does, which will not produce the same objects again."""
        self._hand_over(topic, partition, keys, values, headers)
        self._ahead.setdefault((topic, partition), {}).update(zip(keys, values, strict=True))

    def flush(self, timeout: float | None = None) -> int:
        """Hand over what is kept, and wait until all is delivered; return how much is not."""
        kept, self._kept = self._kept, {}
        for (topic, partition), (headers, keys, values) in kept.items():
            self._hand_over(topic, partition, keys, values, headers)
        return int(super().flush(timeout))

    def _hand_over(
        self,
        topic: str,
        partition: int,
        keys: Sequence[bytes],
        values: Sequence[bytes],
        headers: Mapping[str, str | bytes],
    ) -> None:
        """Produce records to one partition, and keep the newest of the one that was written to first.

        Of the last one the delivery is reported: Quix wants to know its offset.
        """
        with_headers = {"headers": dict(headers)} if headers else {}
        newest = {"key": keys[-1], "value": values[-1], "partition": partition, **with_headers}
        if self._bulk is not None:
            pairs = [(name, text.encode() if isinstance(text, str) else text) for name, text in headers.items()]
            self._raise_for_error()  # type: ignore[no-untyped-call]
            self._bulk.produce(topic, partition, keys[:-1], values[:-1], pairs)
            keys, values = keys[-1:], values[-1:]
        for key, value in zip(keys, values, strict=True):
            record: dict[str, Any] = {"key": key, "value": value, "partition": partition}
            self.produce(topic, **record, **with_headers)
        if self._seal is None or self._seal.covers(topic, newest):
            self._seal = _Seal(topic, newest)

    def learn_partitions(self, topic: str, count: int) -> None:
        """Ask the broker until the client knows so many partitions; it refuses a record for one that is new to it.

        Raises:
            TimeoutError: the broker itself does not know them in time.
        """
        deadline = time.monotonic() + LEARN_SECONDS
        client = self._producer._producer
        while len(client.list_topics(topic, timeout=LEARN_SECONDS).topics[topic].partitions) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"topic {topic} has fewer than {count} partitions")
            time.sleep(0.1)

    def begin_transaction(self) -> None:
        """Begin a transaction; nothing is sent until it holds a record."""
        self._seal, self.is_committed = None, False
        self._kept, self._ahead = {}, {}
        if not self._producer.instantiated:
            self._connect()
        super().begin_transaction()  # type: ignore[no-untyped-call]
        if self._bulk is None and self._natively:
            self._bulk = BulkProducer.of(self._producer._producer, self._client_id)

    def _connect(self) -> None:
        """Make the client and let it take over, as Quix does, but not before it knows a broker."""
        client = Producer(self._producer._producer_config)
        # Whatever comes of it: a rebalance that comes meanwhile would have Quix make another one.
        self._producer._inner_producer = client
        meet_brokers(client, self._known_topic)
        client.init_transactions()

    def commit_transaction(self, positions: Any, group_metadata: Any, timeout: float | None = None) -> None:
        """End the transaction: steps 3 to 5 of :class:`BatchingContext`. Each is tried once, in one bounded time.

        Where the client takes no notice of that, the process ends: librdkafka 2.12 waits for ever for the group's
        coordinator when that broker dies in the middle of a commit, though another has taken its place.

        Raises:
            KafkaException: the transaction was ended by somebody else, or the broker did not answer in time.
        """
        limit = COMMIT_SECONDS if timeout is None else timeout
        deadline = time.monotonic() + limit
        self._producer.poll(0)
        troubles = self.troubles

        def left() -> float:
            return max(0.0, deadline - time.monotonic())

        with leaving_after(limit + HELD_UP_SECONDS, "a commit"):
            if positions:  # 3. the input's offsets join the transaction
                self._producer.send_offsets_to_transaction(positions, group_metadata, left())
            if self._seal is not None:  # 4. the seal
                self.produce(self._seal.topic, **self._seal.record)
                self.flush(left())
            self._producer.commit_transaction(left())  # 5. the commit
        self._active_transaction = False
        self.is_committed = True
        self._producer.poll(0)
        self.is_in_doubt = self.is_in_doubt or self.troubles > troubles

    def commit_alone(self) -> None:
        """Commit what was produced without any offsets, and begin the next transaction.

        Raises:
            KafkaException: the transaction was ended by somebody else, or the broker did not answer in time.
        """
        self.flush(COMMIT_SECONDS)
        self.commit_transaction(None, None)
        self.begin_transaction()

    def _note_trouble(self, error: KafkaError) -> None:
        self.troubles += 1
        logger.info("kafka producer in trouble", error=error.str())


@dataclass(frozen=True)
class _Seal:
    """The newest record of the partition that a transaction wrote to first."""

    topic: str
    record: dict[str, Any]

    def covers(self, topic: str, record: dict[str, Any]) -> bool:
        return (topic, record.get("partition")) == (self.topic, self.record.get("partition"))


@dataclass
class BatchingContext(ProcessingContext):
    """Commits what the worker counted, in one transaction.

    A commit, step by step:

    0. While records are counted, those of the changelog that are known already are produced in the transaction that is
       open: so that a commit need not wait until much is delivered.
    1. The worker writes what it counted to State and produces subtotals and rejected records, all inside the
       transaction that is open.
    2. Quix produces what else changed in State to its changelog, and waits until all of it is delivered.
    3. The input's offsets join the transaction.
    4. The seal: a record is written again to the partition that was written to first. The broker refuses it if
       somebody else ended the transaction since: then what was written is not in the transaction that is open now.
    5. The transaction is committed: steps 1 to 4 count for readers all at once, or not at all.
    6. Quix writes State to disk.
    7. The next transaction begins, and the worker learns that the commit is done.

    Stopped before 5, the records are read again; between 5 and 6, State is read back from its changelog. A commit that
    failed, was given up or was not answered at its first try is the producer's last: a new one fences its messages.

    Before the first commit after a takeover, or after a connection broke, records that hang are made to count: their
    transaction was committed, but a commit that is refused would take them with it.

    Args:
        worker: what counts the records.
        stream_id: what Quix knows the State by.
        open_ends: returns those input partitions that have records without an end of their transaction.
    """

    producer: DirectProducer
    worker: BatchWorker = field(kw_only=True)
    stream_id: str = field(kw_only=True)
    open_ends: Callable[[Iterable[int]], set[int]] = field(kw_only=True, default=lambda _: set())
    failure: Exception | None = field(init=False, default=None)
    _looked_at: int = field(init=False, default=-1)
    _owned: frozenset[int] = field(init=False, default=frozenset())
    _took_seconds: float = field(init=False, default=0.0)

    def raise_failure(self) -> None:
        """Raise why nothing more may be read or committed: a rebalance that failed, or a commit in doubt."""
        if self.failure is not None:
            raise self.failure

    def fail(self, error: Exception) -> None:
        """Let nothing be read or committed from now on, for this reason unless there is one already."""
        self.failure = self.failure or error

    def store_of(self, partition: int) -> LoggedStore:
        """Return the State of a partition, in the transaction of the open checkpoint."""
        transaction: Any = self.checkpoint.get_store_transaction(stream_id=self.stream_id, partition=partition)
        if not isinstance(transaction.changelog_producer, _BulkChangelog):
            transaction._changelog_producer = _BulkChangelog(transaction.changelog_producer, self.producer)
        return _TransactionStore(transaction)

    def init_checkpoint(self) -> None:
        """Begin a checkpoint. The commit interval goes from start to start, but half of it is left for counting."""
        super().init_checkpoint()  # type: ignore[no-untyped-call]
        took_seconds, self._took_seconds = self._took_seconds, 0.0
        self.checkpoint._commit_interval -= min(took_seconds, self.checkpoint._commit_interval / 2)

    def commit_checkpoint(self, force: bool = False, revoking: bool = False) -> None:
        """Commit what was counted if it is due, forced, or the partitions are going."""
        self.raise_failure()
        # Decided once: were it to fall due in between, offsets would be committed without what they count.
        if not (force or self.checkpoint.expired() or self.worker.wants_commit):
            return
        if not revoking:
            self._end_what_hangs()
        if self.checkpoint.empty():
            super().commit_checkpoint(force=True, revoking=revoking)
        else:
            self._commit(revoking)

    def own(self, partitions: Iterable[int]) -> None:
        """Note which input partitions are owned and taken over now."""
        self._owned, self._looked_at = frozenset(partitions), -1

    def log_nothing(self, partition: int) -> None:
        """Write to the changelog of a partition what changes no State, so that what hangs there counts."""
        self.store_of(partition).log_again(_NO_KEY, None)
        self.producer.commit_alone()

    def log_ahead(
        self, partition: int, counted: Mapping[str, int], keys: Sequence[bytes], values: Sequence[bytes]
    ) -> None:
        """Write to the changelog of a partition what the next commit would write, all but surely (step 0).

        Not before it was looked for records that hang: these would seem to.

        Args:
            partition: the input partition.
            counted: by topic, the offset of the last record that it was counted from.
            keys: of its State.
            values: of its State.
        """
        has_looked = self._looked_at == self.producer.troubles
        if not keys or not has_looked or self.commit_interval > _AHEAD_SECONDS:
            return
        headers: dict[str, Any] = {
            CHANGELOG_CF_MESSAGE_HEADER: "default",
            CHANGELOG_PROCESSED_OFFSETS_MESSAGE_HEADER: dumps(counted),
        }
        transaction: Any = self.checkpoint.get_store_transaction(stream_id=self.stream_id, partition=partition)
        topic, place = transaction.changelog_topic_partition
        self.producer.hand_ahead(topic, place, headers, keys, values)

    def _end_what_hangs(self) -> None:
        """Commit something to partitions where records hang: the marker is for all of a producer that came before it.

        Of the same instance, that is, whose producer keeps its id. Others' records are left to them, and are not
        harmed.
        """
        if not self._owned or self._looked_at == self.producer.troubles:
            return
        troubles = self.producer.troubles
        try:
            hanging = self.open_ends(self._owned)
        except TimeoutError:
            return
        if hanging:
            logger.warning("records hang without an end of their transaction: ending it", partitions=sorted(hanging))
            self.worker.repeat(sorted(hanging), self.store_of, self.producer)
            self.producer.commit_alone()
        self._looked_at = troubles

    def _commit(self, revoking: bool) -> None:
        start = time.monotonic()
        self.worker.before_commit(self.store_of, self.producer)  # 1.
        self.checkpoint.commit(revoking=revoking)  # 2. to 6., of which the producer does 3. to 5.
        committed = self.producer.is_committed
        self._took_seconds = time.monotonic() - start
        self.init_checkpoint()  # 7.
        if committed:
            self.worker.after_commit(time.monotonic() - start)
        else:  # partitions go and the broker is silent: Quix gives up without an error
            self.fail(CommitInDoubtError("a commit was given up"))
        if self.producer.is_in_doubt:
            self.fail(CommitInDoubtError("a connection broke during a commit"))

    def abandon_checkpoint(self) -> None:
        """Drop the open checkpoint with its transaction, and begin a new one."""
        self.checkpoint.close(revoking=True)
        self.init_checkpoint()


@contextmanager
def leaving_after(seconds: float, held_up: str) -> Iterator[None]:
    """End the process, with exit code 1, if what is done here takes longer."""
    leave = Timer(seconds, _leave, [held_up])
    leave.daemon = True
    leave.start()
    try:
        yield
    finally:
        leave.cancel()


def _leave(held_up: str) -> None:
    logger.error("the broker does not answer: leaving, the next start goes on from the last commit", held_up=held_up)
    os._exit(1)
