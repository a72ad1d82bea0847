"""From a plain Kafka client's line to the REST answer, through the processor and the exporter as they are run."""

import json
import time
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path

from confluent_kafka import Producer

from broker.ports import free_port
from tests.conftest import Kafka
from tests.pipeline import Pipeline, wait_until


def total_at(url: str) -> Decimal:
    """Return the total that a REST path answers with; 0 while it knows of no events."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return Decimal(json.load(answer)["total"])
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return Decimal(0)


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_line_without_a_key_shows_in_the_customers_and_the_types_total(
    kafka: Kafka, tmp_path: Path, unique_name: str
) -> None:
    """The three-field and the four-field line each add exactly 199.99 to the customer's month and to MISC's."""
    port = free_port()
    url = f"http://localhost:{port}"
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, exporter_port=port) as pipeline:
        pipeline.start("process")
        pipeline.start("export")
        wait_until(lambda: is_ready(url), what="the exporter is ready")
        wait_until(lambda: "partition taken over" in pipeline.log_of("process"), what="the processor is ready")
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        for line in (b"1488142855,Charlie,199.99", b"1488142855,Charlie,199.99,MISC"):
            paths = (f"{url}/customers/Charlie?month=2017-02", f"{url}/types/MISC?month=2017-02")
            before = [total_at(path) for path in paths]
            start = time.monotonic()
            producer.produce(pipeline.settings.input_topic, line)
            producer.flush()
            expected = [total + Decimal("199.99") for total in before]

            def shown(paths: tuple[str, str] = paths, expected: list[Decimal] = expected) -> bool:
                return [total_at(path) for path in paths] == expected

            wait_until(shown, what="totals")
            print(f"visible after {time.monotonic() - start:.2f} s")
        with urllib.request.urlopen(f"{url}/customers/Charlie?month=2017-02", timeout=5) as answer:
            assert json.load(answer) == {
                "customer": "Charlie",
                "month": "2017-02",
                "total": "399.980000",
                "totalEur": "399.98",
                "currency": "EUR",
                "count": 2,
                "types": {"MISC": {"total": "399.980000", "count": 2}},
                "status": "open",
                "as_of": "2017-02-26T21:00:55Z",
            }
