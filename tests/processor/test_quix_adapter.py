"""The adapter: one Row a partition, commits that leave nothing behind, rebalances with a batch in flight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from billing.runtime.native.block import joined
from processor import quix_commit
from processor.positions import Positions
from processor.quix_adapter import BatchingConsumer, KafkaConsumerException, KafkaProducerDeliveryError, Topic
from processor.quix_commit import COMMIT_SECONDS, BatchingContext, CommitInDoubtError, DirectProducer

TOPIC = "incoming"


@dataclass(frozen=True)
class FakeError:
    """A Kafka error as a message carries it."""

    text: str = "broken"
    number: int = 1

    def code(self) -> int:
        return self.number

    def str(self) -> str:
        return self.text


@dataclass(frozen=True)
class FakeMessage:
    """A record as the client hands it out."""

    number: int
    position: int
    failure: FakeError | None = None

    def error(self) -> FakeError | None:
        return self.failure

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.position

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000

    def value(self) -> bytes:
        return b"value"

    def key(self) -> None:
        return None


class FakeClientConsumer(BatchingConsumer):
    """A consumer whose client is a script: each call of `consume` runs the next step."""

    def __init__(self, steps: Sequence[Callable[[], list[FakeMessage]]], offsets: dict[int, int | None]) -> None:
        positions = Positions()
        for partition, offset in offsets.items():
            positions.assign(partition, offset)
        group = {"broker_address": "localhost:1", "consumer_group": "group", "auto_offset_reset": "error"}
        super().__init__(positions, lambda: None, 100, False, extra_config={"client.id": "qb-test"}, **group)
        self.steps = list(steps)
        self.sought: list[TopicPartition] = []
        self.left: list[Any] = []
        self.subscribe([Topic(TOPIC)])

    def consume(self, num_messages: int = 1, timeout: float | None = None) -> list[Any]:
        """Give the first record of a step, and then those that follow it."""
        if num_messages == 1:
            self.left = list(self.steps.pop(0)())
        given, self.left = self.left[:num_messages], self.left[num_messages:]
        return given

    def seek(self, partition: TopicPartition) -> None:
        self.sought.append(partition)

    def rebalance(self) -> None:
        self._interrupted = True


def test_one_row_a_partition_with_the_last_offset() -> None:
    """What Quix commits for a row is the last offset of its batch; order within a partition is kept."""
    messages = [FakeMessage(0, 5), FakeMessage(1, 9), FakeMessage(0, 6), FakeMessage(0, 8)]
    consumer = FakeClientConsumer([lambda: messages, list], {0: 5, 1: None})
    rows = [consumer.poll_row(), consumer.poll_row()]
    assert [(row.partition, row.offset) for row in rows if row] == [(0, 8), (1, 9)]
    assert [row.value.offsets.tolist() for row in rows if row and row.value] == [[5, 6, 8], [9]]
    assert consumer.poll_row() is None


def test_a_batch_that_a_rebalance_interrupts_is_dropped_and_read_again() -> None:
    """Records fetched under the old assignment are not counted; each owned partition goes on from its own offset."""
    consumer = FakeClientConsumer([], {0: 5, 2: None})

    def fetch_across_a_rebalance() -> list[FakeMessage]:
        consumer.rebalance()
        return [FakeMessage(0, 7), FakeMessage(1, 3)]

    consumer.steps = [fetch_across_a_rebalance, lambda: [FakeMessage(0, 5)]]
    assert consumer.poll_row() is None
    assert consumer.sought == []
    row = consumer.poll_row()
    assert [(tp.topic, tp.partition, tp.offset) for tp in consumer.sought] == [(TOPIC, 0, 5), (TOPIC, 2, -2)]
    assert row is not None
    assert (row.partition, row.offset) == (0, 5)


@pytest.mark.parametrize("stale", [FakeMessage(0, 4), FakeMessage(3, 9)])
def test_records_that_are_not_next_are_read_again(stale: FakeMessage) -> None:
    """None that was handed on before, and none of a partition that is not owned, reaches the worker."""
    consumer = FakeClientConsumer([lambda: [stale], lambda: [FakeMessage(0, 6)]], {0: 5})
    assert consumer.poll_row() is None
    row = consumer.poll_row()
    assert [(tp.partition, tp.offset) for tp in consumer.sought] == [(0, 5)]
    assert row is not None
    assert (row.partition, row.offset) == (0, 6)


def test_a_kafka_error_among_the_records_is_raised() -> None:
    """An error that the client hands out as a message stops the application instead of being skipped."""
    consumer = FakeClientConsumer([lambda: [FakeMessage(0, 5), FakeMessage(0, 0, FakeError())]], {0: 5})
    with pytest.raises(KafkaConsumerException):
        consumer.poll_row()


def test_the_clients_end_is_raised_though_a_rebalance_comes_with_it() -> None:
    """A member that is fenced loses its partitions and is told of its end in one call, and then never again.

    An error of a partition may be of the old assignment: if it lasts, it comes again.
    """
    consumer = FakeClientConsumer([], {0: 5})

    def fail_across_a_rebalance(error: FakeError) -> list[FakeMessage]:
        consumer.rebalance()
        return [FakeMessage(0, 0, error)]

    consumer.steps = [
        lambda: fail_across_a_rebalance(FakeError()),
        lambda: fail_across_a_rebalance(FakeError("fenced", KafkaError._FATAL)),
    ]
    assert consumer.poll_row() is None
    with pytest.raises(KafkaConsumerException):
        consumer.poll_row()


@dataclass
class FakeCheckpoint:
    """A checkpoint whose expiry flips from one look to the next."""

    calls: list[str]
    looks: list[bool]
    is_empty: bool
    gives_up: bool
    producer: "FakeProducer"

    def expired(self) -> bool:
        return self.looks.pop(0)

    def empty(self) -> bool:
        return self.is_empty

    def commit(self, revoking: bool = False) -> None:
        self.calls.append(f"commit revoking={revoking}")
        self.producer.is_committed = not self.gives_up

    def close(self, revoking: bool = False) -> None:
        self.calls.append("close")


@dataclass
class FakeProducer:
    """A producer that knows what became of its transaction."""

    is_committed: bool = False
    is_in_doubt: bool = False


@dataclass
class FakeWorker:
    """A worker that notes what is asked of it."""

    calls: list[str]
    wants_commit: bool = False

    def before_commit(self, store_of: object, output: object) -> None:
        self.calls.append("before_commit")

    def after_commit(self, seconds: float) -> None:
        self.calls.append("after_commit")


@dataclass
class Commit:
    """A context around a fake checkpoint."""

    looks: list[bool]
    is_empty: bool = False
    gives_up: bool = False
    breaks: bool = False
    calls: list[str] = field(default_factory=list)
    failure: Exception | None = None

    def run(self, **options: bool) -> list[str]:
        producer = FakeProducer(is_in_doubt=self.breaks)
        nothing: Any = None
        parts: dict[str, Any] = {"producer": producer, "worker": FakeWorker(self.calls), "stream_id": TOPIC}
        context = BatchingContext(0.5, **parts, consumer=nothing, state_manager=nothing, sink_manager=nothing,
                                  dataframe_registry=nothing)  # fmt: skip
        context.failure = self.failure
        checkpoint = FakeCheckpoint(self.calls, self.looks, self.is_empty, self.gives_up, producer)
        context._checkpoint = checkpoint  # type: ignore[assignment]
        context.init_checkpoint = lambda: self.calls.append("new checkpoint")  # type: ignore[method-assign]
        context.commit_checkpoint(**options)
        self.failure = context.failure
        return self.calls


def test_nothing_is_committed_before_it_is_due() -> None:
    """A checkpoint that expires a moment later waits for the next look: offsets never go without their sums."""
    assert Commit(looks=[False, True]).run() == []


@pytest.mark.parametrize(("took_seconds", "left_seconds"), [(0.0, 10.0), (1.0, 9.0), (5.0, 5.0), (60.0, 5.0)])
def test_the_interval_goes_from_start_to_start_of_commits(took_seconds: float, left_seconds: float) -> None:
    """However long they take, half of it is left for counting; a checkpoint that was closed leaves all of it."""
    nothing: Any = None
    parts: dict[str, Any] = {"producer": FakeProducer(), "worker": FakeWorker([]), "stream_id": TOPIC}
    context = BatchingContext(10.0, **parts, consumer=nothing, state_manager=nothing, sink_manager=nothing,
                              dataframe_registry=nothing)  # fmt: skip
    context._took_seconds = took_seconds
    context.init_checkpoint()
    assert context.checkpoint._commit_interval == left_seconds
    context.init_checkpoint()
    assert context.checkpoint._commit_interval == 10.0


def test_what_is_due_is_written_before_it_is_committed() -> None:
    """The worker writes inside the transaction that the commit ends."""
    expected = ["before_commit", "commit revoking=False", "new checkpoint", "after_commit"]
    assert Commit(looks=[True, True]).run() == expected


def test_partitions_that_go_are_committed_at_once() -> None:
    """A revoke commits what was gathered, due or not."""
    expected = ["before_commit", "commit revoking=True", "new checkpoint", "after_commit"]
    assert Commit(looks=[False]).run(force=True, revoking=True) == expected


def test_a_commit_that_is_given_up_is_not_counted() -> None:
    """The events are read again by whoever owns the partitions next, and counted then; the producer is done."""
    commit = Commit(looks=[False], gives_up=True)
    assert commit.run(force=True, revoking=True) == ["before_commit", "commit revoking=True", "new checkpoint"]
    assert isinstance(commit.failure, CommitInDoubtError)


def test_a_commit_whose_connection_broke_is_counted_and_is_the_last_of_its_producer() -> None:
    """It was sent twice perhaps: the copy under way could end the next transaction."""
    commit = Commit(looks=[True], breaks=True)
    assert commit.run() == ["before_commit", "commit revoking=False", "new checkpoint", "after_commit"]
    assert isinstance(commit.failure, CommitInDoubtError)


def test_an_empty_checkpoint_bothers_nobody() -> None:
    """Without records there is nothing to write: the idle transaction is closed."""
    assert Commit(looks=[True, True], is_empty=True).run() == ["close", "new checkpoint"]


def test_after_a_rebalance_that_failed_nothing_is_committed() -> None:
    """Its offsets are still in the checkpoint, their sums are gone: committing would lose them."""
    commit = Commit(looks=[True, True], failure=RuntimeError("no commit in time"))
    with pytest.raises(RuntimeError, match="no commit in time"):
        commit.run()
    assert commit.calls == []


class FakeClientProducer:
    """A client that notes what is asked of it, and has no room for so many records at first."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.records: list[tuple[object, ...]] = []
        self.calls: list[tuple[str, float]] = []

    def produce(self, topic: str, value: bytes, key: bytes, on_delivery: object, **options: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BufferError
        self.records.append((topic, value, key, options, on_delivery is not None))

    def poll(self, timeout: float) -> None:
        self.calls.append(("poll", timeout))

    def begin_transaction(self) -> None:
        self.calls.append(("begin", 0))

    def flush(self, timeout: float) -> int:
        self.calls.append(("flush", timeout))
        return 0

    def send_offsets_to_transaction(self, positions: object, group: object, timeout: float) -> None:
        self.calls.append(("send_offsets", timeout))

    def commit_transaction(self, timeout: float) -> None:
        self.calls.append(("commit", timeout))


def new_producer() -> DirectProducer:
    return DirectProducer("t", broker_address="localhost:1", transactional=True, extra_config={"client.id": "qb-test"})


def direct_producer(client: FakeClientProducer) -> DirectProducer:
    producer = new_producer()
    producer._producer._inner_producer = client
    return producer


@dataclass
class RefusedClientProducer:
    """A client that asks for a topic before it takes over, which the broker refuses."""

    asked: list[str] = field(default_factory=list)

    def list_topics(self, topic: str, timeout: float) -> None:
        assert timeout > 0
        self.asked.append(topic)

    def init_transactions(self) -> None:
        self.asked.append("takeover")
        raise KafkaException(KafkaError(KafkaError.INVALID_TRANSACTION_TIMEOUT))


def test_a_takeover_that_is_refused_leaves_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebalance that uses the producer afterwards finds it; another one's error would hide the first."""
    client, producer = RefusedClientProducer(), new_producer()
    monkeypatch.setattr(quix_commit, "Producer", lambda _: client)
    with pytest.raises(KafkaException):
        producer.begin_transaction()
    assert client.asked == ["t", "takeover"]
    assert producer._producer._producer is client


def test_a_record_goes_to_the_client_as_it_is() -> None:
    """Partition and headers with it, its delivery is reported, and nothing else is asked of the client."""
    client = FakeClientProducer()
    direct_producer(client).produce("t", value=b"v", key=b"k", partition=3, headers={"a": b"b"})
    assert client.records == [("t", b"v", b"k", {"partition": 3, "headers": {"a": b"b"}}, True)]
    assert client.calls == []


def test_a_client_without_room_is_waited_for() -> None:
    """The record is produced once reports have been served; it is neither lost nor doubled."""
    client = FakeClientProducer(refusals=2)
    direct_producer(client).produce("t", value=b"v", key=b"k", partition=3)
    assert client.records == [("t", b"v", b"k", {"partition": 3}, True)]
    assert "poll" in dict(client.calls)


def test_a_record_that_was_not_delivered_fails_the_next_one() -> None:
    """What the client reports stops the commit it belongs to."""
    client = FakeClientProducer()
    producer = direct_producer(client)
    producer._on_delivery(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)
    with pytest.raises(KafkaProducerDeliveryError):
        producer.produce("t", value=b"v", key=b"k")
    assert client.records == []


def test_a_commit_is_given_a_bounded_time() -> None:
    """Quix leaves it unbounded but in a rebalance, where its own bound holds."""
    client = FakeClientProducer()
    producer = direct_producer(client)
    producer.commit_transaction([TopicPartition("t", 0, 1)], None)
    producer.commit_transaction([TopicPartition("t", 0, 1)], None, timeout=3)
    assert producer.is_committed
    calls = [(name, timeout) for name, timeout in client.calls if name != "poll"]
    assert [name for name, _ in calls] == ["send_offsets", "commit"] * 2
    limits = [COMMIT_SECONDS, COMMIT_SECONDS, 3, 3]
    assert all(0 < timeout <= limit for (_, timeout), limit in zip(calls, limits, strict=True))


def test_a_commit_is_sealed_with_a_record_of_the_partition_that_was_written_to_first() -> None:
    """The newest there, once more, behind the offsets; the next transaction has a seal of its own."""
    client = FakeClientProducer()
    producer = direct_producer(client)
    producer.begin_transaction()
    producer.produce_all("t", 3, [b"a", b"b"], [b"v", b"v"])
    producer.produce_all("t", 4, [b"c"], [b"v"])
    producer.produce_each("rejected", joined([b"a"]), joined([b"r"]), [("reason", joined([b"malformed"]))])
    assert not producer.is_committed
    producer.commit_transaction([TopicPartition("t", 0, 1)], None)
    assert [record[2] for record in client.records] == [b"a", b"b", b"c", b"a", b"b"]
    assert [name for name, _ in client.calls if name != "poll"] == ["begin", "send_offsets", "flush", "commit"]
    producer.begin_transaction()
    producer.commit_transaction([], None)
    assert len(client.records) == 5


def test_what_the_changelog_has_before_the_commit_is_not_produced_again() -> None:
    """What has changed since is, though; and the seal is the newest record of that partition, as it was produced."""
    client = FakeClientProducer()
    producer = direct_producer(client)
    headers = {"offset": b"7"}
    early = b"early"
    producer.begin_transaction()
    producer.hand_ahead("changelog", 3, headers, [b"a", b"b"], [early, early])
    producer.produce_all("t", 3, [b"sum"], [b"v"])
    producer.keep("changelog", 3, {"offset": b"9"}, b"a", early)
    producer.keep("changelog", 3, {"offset": b"9"}, b"b", b"late")
    producer.flush()
    producer.commit_transaction([TopicPartition("t", 0, 1)], None)
    late = ("changelog", b"late", b"b", {"partition": 3, "headers": {"offset": b"9"}}, True)
    assert [record[2] for record in client.records] == [b"a", b"b", b"sum", b"b", b"b"]
    assert client.records[-2:] == [late, late]
    producer.begin_transaction()
    producer.keep("changelog", 3, headers, b"a", early)
    producer.flush()
    assert client.records[-1][:3] == ("changelog", early, b"a")
