"""State that is restored in bulk is what Quix restores one record at a time."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from quixstreams.kafka import BaseConsumer
from quixstreams.state.recovery import RecoveryManager
from quixstreams.state.rocksdb.partition import RocksDBStorePartition

from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from processor.quix_recovery import BulkRecovery
from tests.conftest import Kafka
from tests.pipeline import wait_until

WAIT_SECONDS = 90.0
PARTITIONS = 2
CLIENT_ID = "qb-recovery"
COMMITTED = {"input": 1_000}
Content = dict[str, dict[bytes, bytes]]
Make = Callable[..., RecoveryManager]
both_ways = pytest.mark.parametrize("natively", [True, False])


@dataclass(frozen=True)
class Change:
    """A record of a changelog."""

    key: bytes
    value: bytes | None
    family: bytes = b"default"
    counted_up_to: int | None = 10
    stamped: bool = False

    def headers(self) -> list[tuple[str, bytes]]:
        offsets = [] if self.counted_up_to is None else [("__processed_tp_offsets__", self._offsets())]
        return [("__column_family__", self.family), *offsets, *([("__ttl_stamped__", b"1")] if self.stamped else [])]

    def _offsets(self) -> bytes:
        return json.dumps({"input": self.counted_up_to}).encode()


def plain(count: int, first: int = 0) -> list[Change]:
    """Keys that come again, tombstones, empty values, and headers that change every seventh record."""
    values = (b'{"v":%d}', b"", None, b"text %d")
    made = []
    for n in range(first, first + count):
        value = values[n % 4]
        made.append(Change(b"key %d" % (n % 97), value % n if value else value, counted_up_to=n // 7 % 900))
    return made


def uncommitted(count: int) -> list[Change]:
    """Records of offsets that the group never committed."""
    return [replace(change, counted_up_to=1_000 + n) for n, change in enumerate(plain(count))]


def unusual() -> list[Change]:
    """Records of another column family, and without the offsets they come from."""
    other = [replace(change, family=b"other") for change in plain(30)]
    old = [replace(change, counted_up_to=None) for change in plain(30, 50)]
    return [*plain(20), *other, *plain(20, 90), *old]


def expiring(count: int) -> list[Change]:
    """Values with an expiry, as Quix writes them in a store that has a time to live."""
    stamp = (4_000_000_000_000).to_bytes(8, "big")
    return [Change(b"key %d" % (n % 9), None if n % 5 == 4 else stamp + b"%d" % n, stamped=True) for n in range(count)]


def looking_stamped(count: int) -> list[Change]:
    """Values without an expiry, whose first bytes could be one."""
    return [replace(change, stamped=False) for change in expiring(count)]


# Transactions: their changes, and whether they are committed.
CHANGELOGS: dict[str, list[tuple[list[Change], bool]]] = {
    "plain": [(plain(3_000), True), (plain(2_000, 5_000), True)],
    "aborted": [(plain(40), False), (plain(500), True), (plain(300, 7), False), (plain(50, 3), True)],
    "aborted at the end": [(plain(500), True), (plain(900, 11), False), (plain(1, 5), False)],
    "aborted alone": [(plain(50), False)],
    "uncommitted": [(plain(100), True), (uncommitted(70), True), (plain(30, 10), True), (uncommitted(5), True)],
    "unusual": [(unusual(), True), (unusual()[::-1], True)],
    "with an expiry": [(expiring(200), True), (plain(20), False), (expiring(30), True)],
    "looking stamped": [(looking_stamped(200), True)],
}


def write(servers: str, topic: str, transactions: list[tuple[list[Change], bool]]) -> None:
    """Write to each partition the same, in transactions."""
    client = AdminClient({"bootstrap.servers": servers})  # a future dies with the client it comes from
    (made,) = client.create_topics([NewTopic(topic, PARTITIONS, 1)]).values()
    made.result(WAIT_SECONDS)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": topic})
    producer.init_transactions(WAIT_SECONDS)
    for changes, commits in transactions:
        producer.begin_transaction()
        for partition in range(PARTITIONS):
            for change in changes:
                producer.produce(
                    topic, key=change.key, value=change.value, partition=partition, headers=change.headers()
                )
        producer.flush(WAIT_SECONDS)
        end = producer.commit_transaction if commits else producer.abort_transaction
        end(WAIT_SECONDS)
    # The answer to that comes before the markers of the transaction are written.
    bounds, partitions = PartitionBounds(Settings(bootstrap_servers=servers)), range(PARTITIONS)
    wait_until(
        lambda: bounds.stable_ends(topic, partitions) == bounds.log_ends(topic, partitions),
        what="all ended",
    )


@dataclass
class Restoring:
    """A consumer of a changelog, and a recovery that writes to stores in a folder."""

    consumer: BaseConsumer
    manager: RecoveryManager
    topic: str
    folder: Path
    stores: dict[int, RocksDBStorePartition]

    def assign(self, partition: int) -> None:
        """Open the partition's store, and see whether it has to be restored."""
        self.stores[partition] = RocksDBStorePartition(str(self.folder / str(partition)))
        stores: Any = {"default": self.stores[partition]}
        self.manager.assign_partition("stream", partition, COMMITTED, stores)

    def revoke(self, partition: int) -> None:
        self.manager.revoke_partition(partition)
        self.stores.pop(partition).close()  # type: ignore[no-untyped-call]

    def content(self) -> dict[int, Content]:
        """What the stores hold, offsets included."""
        return {partition: content(store) for partition, store in self.stores.items()}


def content(store: RocksDBStorePartition) -> Content:
    families: dict[str, Any] = {name: store.get_or_create_column_family(name) for name in store.list_column_families()}
    found = {name: dict(family.items()) for name, family in families.items()}
    # Holds a time of the wall clock.
    found["__metadata__"].pop(b"__ttl_adopt_pending__", None)
    return found


def quix(**options: Any) -> RecoveryManager:
    """Quix's own recovery."""
    return RecoveryManager(**options)


def bulk(natively: bool, kind: type[BulkRecovery] = BulkRecovery, most_records: int = 250) -> Make:
    def make(**options: Any) -> RecoveryManager:
        return kind(CLIENT_ID, natively, most_records, **options)

    return make


@contextmanager
def restoring(kafka: Kafka, topic: str, folder: Path, make: Make) -> Iterator[Restoring]:
    """A recovery to which both partitions of the changelog are assigned."""
    changelog = SimpleNamespace(name=topic)
    topics: Any = SimpleNamespace(
        changelog_topics={"stream": {"default": changelog}},
        changelog_topics_list=[changelog],
        non_changelog_topics={"input": None},
    )
    config = {"client.id": CLIENT_ID, "isolation.level": "read_committed"}
    consumer = BaseConsumer(kafka.bootstrap_servers, "nobody", "error", False, extra_config=config)
    found = Restoring(consumer, make(consumer=consumer, topic_manager=topics), topic, folder, {})
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        consumer.pause([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        for partition in range(PARTITIONS):
            found.assign(partition)
        yield found
    finally:
        consumer.close()  # type: ignore[no-untyped-call]
        for store in found.stores.values():
            store.close()  # type: ignore[no-untyped-call]


def restored(kafka: Kafka, topic: str, folder: Path, make: Make) -> dict[int, Content]:
    """What is in State once it is restored."""
    with restoring(kafka, topic, folder, make) as found:
        if found.manager.has_assignments:
            found.manager.do_recovery()  # type: ignore[no-untyped-call]
        assert not found.manager.has_assignments
        return found.content()


@pytest.mark.parametrize("changelog", CHANGELOGS)
def test_state_is_what_quix_restores(kafka: Kafka, topic_prefix: str, tmp_path: Path, changelog: str) -> None:
    """Column families, keys, values and the changelog's offset, read in either way; also when it goes on later."""
    topic = f"{topic_prefix}changelog"
    write(kafka.bootstrap_servers, topic, CHANGELOGS[changelog])
    expected, opened_again = (restored(kafka, topic, tmp_path / "quix", quix) for _ in range(2))
    for natively in (True, False):
        folder = tmp_path / f"bulk-{natively}"
        assert restored(kafka, topic, folder, bulk(natively)) == expected
        assert restored(kafka, topic, folder, bulk(natively)) == opened_again, "with nothing left to do"
    assert any(expected[0]["default"]) == (changelog not in ("aborted alone",))


class Interrupted(BulkRecovery):
    """Calls something once, in the middle of its third look for records."""

    interrupt: Callable[[], None]
    looks = 0

    def _look(self) -> None:
        self.looks += 1
        if self.looks == 3:
            self.interrupt()

    def poll(self, timeout: float) -> Any:
        if self._natively:
            self._look()
        return super().poll(timeout)

    def consume(self, num_messages: int, timeout: float) -> list[Any]:
        found = super().consume(num_messages, timeout)
        self._look()  # what was fetched is of the assignment before
        return found


@both_ways
def test_a_stop_in_the_middle_loses_nothing(kafka: Kafka, topic_prefix: str, tmp_path: Path, natively: bool) -> None:
    """The next start goes on from the offset that State holds."""
    topic = f"{topic_prefix}changelog"
    write(kafka.bootstrap_servers, topic, CHANGELOGS["plain"])
    expected = restored(kafka, topic, tmp_path / "quix", quix)
    with restoring(kafka, topic, tmp_path / "bulk", bulk(natively, Interrupted)) as found:
        assert isinstance(found.manager, Interrupted)
        found.manager.interrupt = found.manager.stop_recovery
        found.manager.do_recovery()
        assert found.manager.has_assignments
        assert found.content() != expected
    assert restored(kafka, topic, tmp_path / "bulk", bulk(natively)) == expected


@both_ways
def test_a_rebalance_in_the_middle_loses_nothing(
    kafka: Kafka, topic_prefix: str, tmp_path: Path, natively: bool
) -> None:
    """A partition that goes and comes back within one call is restored from where its State stands."""
    topic = f"{topic_prefix}changelog"
    write(kafka.bootstrap_servers, topic, CHANGELOGS["plain"])
    expected = restored(kafka, topic, tmp_path / "quix", quix)
    with restoring(kafka, topic, tmp_path / "bulk", bulk(natively, Interrupted)) as found:

        def rebalance() -> None:
            found.revoke(0)
            found.assign(0)

        assert isinstance(found.manager, Interrupted)
        found.manager.interrupt = rebalance
        found.manager.do_recovery()
        assert found.manager.looks > 3
        assert found.content() == expected


@both_ways
def test_a_partition_that_goes_is_not_waited_for(
    kafka: Kafka, topic_prefix: str, tmp_path: Path, natively: bool
) -> None:
    """The others are restored; nothing is written to the one that went."""
    topic = f"{topic_prefix}changelog"
    write(kafka.bootstrap_servers, topic, CHANGELOGS["plain"])
    expected = restored(kafka, topic, tmp_path / "quix", quix)
    with restoring(kafka, topic, tmp_path / "bulk", bulk(natively, Interrupted)) as found:
        assert isinstance(found.manager, Interrupted)
        found.manager.interrupt = lambda: found.revoke(1)
        found.manager.do_recovery()
        assert found.content() == {0: expected[0]}
