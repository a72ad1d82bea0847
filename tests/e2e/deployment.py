"""All parts as the processes they are, on topics of one test's own, with a history of events and the truth about it."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.ports import free_port
from generator.expected import ExpectedTotals, read_expected
from tests.pipeline import Pipeline, wait_until

HISTORY_EVENTS = 3_000
HISTORY_DAYS = 75
CUSTOMERS = 30


@dataclass(frozen=True)
class Deployment:
    """A running deployment.

    Args:
        pipeline: its processes and topics.
        ports: of the parts that are scraped, by scrape job.
        expected: the totals of its history.
    """

    pipeline: Pipeline
    ports: dict[str, int]
    expected: ExpectedTotals

    def url(self, path: str) -> str:
        """Return the address of one of the exporter's paths."""
        return f"http://127.0.0.1:{self.ports['exporter']}{path}"

    def get(self, path: str) -> Any:
        """Return what the exporter answers."""
        with urllib.request.urlopen(self.url(path), timeout=30) as answer:
            return json.load(answer)

    def metrics(self, job: str) -> str:
        """Return what a part shows to Prometheus."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[job]}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
            return text


@contextmanager
def deployed(bootstrap_servers: str, directory: Path, name: str) -> Iterator[Deployment]:
    """Start all parts on a history of two months and more; wait until all of it is shown."""
    exporter, processor, invoicer, budgets, notifier = range(first := free_port(5), first + 5)
    expected_file = directory / "expected.json"
    options = {
        "exporter_port": exporter,
        "processor_port": processor,
        "invoicer_port": invoicer,
        "budgets_port": budgets,
        "budgets": "[{name: all, amount: '100000000'}, {name: each, customer: '*', count: 1000000}]",
        "notifier_port": notifier,
        "webhook_url": "http://127.0.0.1:9/nobody",
        "webhook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "customers": CUSTOMERS,
        "customer_series_limit": 5,
        "check_interval_seconds": 1,
        "idle_after_seconds": 5,
    }
    with Pipeline(bootstrap_servers, directory, name, **options) as pipeline:
        history = pipeline.start(
            "generate",
            "history",
            events=HISTORY_EVENTS,
            history_days=HISTORY_DAYS,
            rate=0,
            expected_file=expected_file,
        )
        assert history.wait(60) == 0, pipeline.log_of("generate", "history")
        for command in ("process", "export", "invoice", "budgets", "notify"):
            pipeline.start(command)
        expected = read_expected(expected_file)
        ports = {
            "exporter": exporter,
            "processor": processor,
            "invoicer": invoicer,
            "budgets": budgets,
            "notifier": notifier,
        }
        deployment = Deployment(pipeline, ports, expected)
        wait_until(lambda: shown_events(deployment) == expected.accepted, what="the history is shown")
        yield deployment


def shown_events(deployment: Deployment) -> int:
    """Return how many events the exporter's months hold; 0 while it is not ready."""
    try:
        return sum(month["count"] for month in deployment.get("/months")["months"])
    except OSError:
        return 0
