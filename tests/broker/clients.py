"""Plain Kafka clients that write numbers to a topic and read them back."""

import time

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TIMEOUT_SECONDS = 120.0


def create_topic(servers: str, topic: str, replicas: int = 1) -> None:
    """Make a topic of one partition."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1, replicas)])[topic].result(TIMEOUT_SECONDS)


def produce(servers: str, topic: str, numbers: range, compression: str = "none") -> None:
    """Write the numbers, each acknowledged by all replicas in sync."""
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer(
        {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "compression.type": compression}
    )
    for number in numbers:
        producer.produce(topic, str(number), on_delivery=delivered)
    assert producer.flush(TIMEOUT_SECONDS) == 0
    assert not failures


def consume(servers: str, topic: str, count: int) -> list[int]:
    """Read the first `count` committed numbers, or fewer if no more come."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    numbers: list[int] = []
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(numbers) < count and time.monotonic() < deadline:
        for message in consumer.consume(count - len(numbers), 0.5):
            assert message.error() is None
            numbers.append(int(message.value() or b""))
    consumer.close()
    return numbers
