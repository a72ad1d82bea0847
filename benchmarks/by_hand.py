"""The producer of what is written by hand, to show what a part of the product cannot cost less than."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from billing.runtime.native.producing import BulkProducer

ANSWER_SECONDS = 30.0


def bulk_producer(servers: str, transactional_id: str, client: str) -> tuple[Producer, BulkProducer]:
    """Return a transactional producer, ready to begin, and what hands records to it in bulk."""
    options = {"bootstrap.servers": servers, "transactional.id": transactional_id, "client.id": client}
    producer = Producer({**options, "linger.ms": 50, "batch.size": 1_000_000, "compression.type": "lz4"})
    producer.init_transactions(ANSWER_SECONDS)
    bulk = BulkProducer.of(producer, client)
    if bulk is None:
        raise SystemExit("records cannot be handed over in bulk here")
    return producer, bulk


@contextmanager
def transaction(producer: Producer) -> Iterator[None]:
    """Begin a transaction, and commit it once all that was produced in it is delivered."""
    producer.begin_transaction()
    yield
    producer.flush(ANSWER_SECONDS)
    producer.commit_transaction(ANSWER_SECONDS)
