"""Where partitions begin and end, and what lies at their ends, on a real Kafka."""

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from billing.runtime.partition_bounds import Bounds, PartitionBounds, find_records
from billing.settings import Settings
from tests.conftest import Kafka

TIMEOUT_SECONDS = 90.0


def transactional(kafka: Kafka, name: str) -> Producer:
    """Make a producer with a transaction open."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": name})
    producer.init_transactions(TIMEOUT_SECONDS)
    producer.begin_transaction()
    return producer


def test_markers_are_no_records_and_open_transactions_may_be(kafka: Kafka, unique_name: str) -> None:
    """Of four partitions: a committed record, an aborted one, an open transaction's, and nothing at all."""
    settings = Settings.model_validate({"bootstrap_servers": kafka.bootstrap_servers})
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(unique_name, 4, 1)])[unique_name].result(TIMEOUT_SECONDS)
    bounds = PartitionBounds(settings)
    for partition, end in enumerate(("commit_transaction", "abort_transaction")):
        producer = transactional(kafka, f"{unique_name}-{partition}")
        producer.produce(unique_name, b"x", partition=partition)
        assert producer.flush(TIMEOUT_SECONDS) == 0
        getattr(producer, end)(TIMEOUT_SECONDS)
    still_open = transactional(kafka, f"{unique_name}-open")
    still_open.produce(unique_name, b"x", partition=2)
    assert still_open.flush(TIMEOUT_SECONDS) == 0
    logs = bounds.logs(unique_name, range(4))
    assert logs == {0: Bounds(0, 2), 1: Bounds(0, 2), 2: Bounds(0, 1), 3: Bounds(0, 0)}
    assert bounds.stable_ends(unique_name, range(4)) == {0: 2, 1: 2, 2: 0, 3: 0}
    assert find_records(settings, unique_name, logs, 3.0) == {0: True, 1: False, 3: False}
    behind = {0: Bounds(1, 2)}
    assert find_records(settings, unique_name, behind, TIMEOUT_SECONDS) == {0: False}
    still_open.abort_transaction(TIMEOUT_SECONDS)
    log = bounds.logs(unique_name, [2])
    assert find_records(settings, unique_name, log, TIMEOUT_SECONDS) == {2: False}
