"""Kafka records where they lie: librdkafka's own queues and messages, read by compiled code, no Python object each."""
