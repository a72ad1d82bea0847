"""What the parts share that does I/O: Kafka clients, topic administration, signals, logging."""
