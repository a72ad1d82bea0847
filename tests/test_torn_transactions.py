"""The tool that tears transactions does so on the broker that the tests run on."""

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.conftest import Kafka
from tests.torn_transactions import describe_transaction, end_transaction, hanging_partitions


@pytest.mark.parametrize("commits", [True, False])
def test_a_delayed_message_ends_the_transaction_that_is_open(kafka: Kafka, unique_name: str, commits: bool) -> None:
    """The client is not asked; what it writes then to the same partition is refused, and nothing is left open."""
    servers = kafka.bootstrap_servers
    client = AdminClient({"bootstrap.servers": servers})
    for future in client.create_topics([NewTopic(unique_name, 1, 1)]).values():
        future.result(60)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": unique_name, "log_level": 0})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(unique_name, b"before")
    producer.flush(60)
    torn = describe_transaction(servers, unique_name)
    assert torn.is_open
    assert set(torn.partitions) == {(unique_name, 0)}
    assert hanging_partitions(servers, [unique_name]) == {f"{unique_name}[0]": (0, 1)}
    assert end_transaction(servers, unique_name, commits) == 0
    assert not describe_transaction(servers, unique_name).is_open
    producer.produce(unique_name, b"after")
    with pytest.raises(KafkaException):
        producer.commit_transaction(60)
    assert hanging_partitions(servers, [unique_name]) == {}
