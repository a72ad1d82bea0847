"""Where records are moved first, what waits is told, and events are listed as they were counted: command and HTTP."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from broker.ports import free_port
from tests.conftest import Kafka
from tests.explain.test_kafka import answered, explained
from tests.moving.world import moving_pipeline
from tests.once_histories import CUSTOMERS, START_MS, payload_of, random_history
from tests.once_model import DAY_MS
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

WINDOW_DAYS = 2
MONTH = "2017-03"
# It stands still where no event lies in the future.
STILL = {"simulation_speed": 1e-6, "simulation_start_ms": START_MS + 900 * DAY_MS}
WAITING = 50
FATES = {"counted", "voided", "replaced", "takes_back", "duplicate", "rejected"}
# In one partition, and so in this order. What the history is decided to be depends on how its partitions are mixed.
EACH_FATE = (
    f"{START_MS},{CUSTOMERS[0]},1,CALL,first",
    f"{START_MS},{CUSTOMERS[0]},1,CALL,first",
    f"{START_MS},{CUSTOMERS[0]},2,CALL,first",
    f'{{"void": "first", "customer": "{CUSTOMERS[0]}"}}',
    f"{START_MS},{CUSTOMERS[0]},3,DATA,second",
    f'{{"timestamp": {START_MS}, "customer": "{CUSTOMERS[0]}", "amount": "4", "replace": "second"}}',
    f"{START_MS},{CUSTOMERS[0]},much",
)


def asked(pipeline: Pipeline, path: str) -> Any:
    with urlopen(f"http://127.0.0.1:{pipeline.settings.exporter_port}{path}", timeout=30) as answer:
        body = answer.read()
    return body.decode() if path == "/metrics" else json.loads(body)


def listed(pipeline: Pipeline, customer: str) -> tuple[list[dict[str, Any]], Any]:
    """A customer's events of the month over HTTP, and the last page."""
    path = f"/customers/{quote(customer)}/events"
    page = asked(pipeline, f"{path}?month={MONTH}&limit=100")
    events = list(page["events"])
    while page["next"] is not None:
        page = asked(pipeline, f"{path}?cursor={page['next']}&limit=100")
        events += page["events"]
    return events, page


def places(events: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What both ways to list agree on: of what a later page takes back, the command alone has marked the event."""
    return sorted(
        (one["partition"], one["offset"], one["amount"] or "", one["fate"], one["reason"] or "")
        for one in [{**one, "fate": "counted"} if one["fate"] in ("voided", "replaced") else one for one in events]
    )


def waiting(pipeline: Pipeline) -> tuple[int | None, int | None]:
    freshness = asked(pipeline, "/api/v1/overview")["freshness"]
    return freshness["lag_records"], freshness["unmoved_records"]


def test_events_are_listed_and_what_waits_is_told(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Repeats, conflicts, voids and replacements, without keys; then the processor is gone, and records wait."""
    options = {"dedup_window_days": WINDOW_DAYS, "exporter_port": free_port(), **STILL}
    with moving_pipeline(kafka, tmp_path, unique_name, **options) as pipeline:
        pipeline.start("export")
        processor = pipeline.start("process")
        for line in EACH_FATE:
            pipeline.produce(line.encode(), partition=0)
        pipeline.flush()
        wait_until(lambda: pipeline.consumed() == len(EACH_FATE), what="one of each fate counted")
        history = random_history(seed=11, records=1_500, window_days=WINDOW_DAYS, partitions=1)
        for number, sent in enumerate(history):
            pipeline.produce(payload_of(sent.record, number), partition=number * 7 % INPUT_PARTITIONS)
        pipeline.flush()
        wait_until(lambda: pipeline.consumed() == len(EACH_FATE) + len(history), what="all counted")
        fates = set[str]()
        for customer in CUSTOMERS:
            told = answered(pipeline, customer, MONTH)
            document = explained(pipeline, customer, MONTH)
            assert document["conclusion"] == "is_it", document["sentence"]
            events, page = listed(pipeline, customer)
            assert page["is_it"] is True
            assert page["found"] == {"total": told["total"], "count": told["count"]}
            assert places(events) == places(document["events"])
            fates |= {one["fate"] for one in document["events"]}
        assert fates == FATES
        wait_until(lambda: waiting(pipeline) == (0, 0), what="nothing waits")

        processor.kill()
        processor.wait()
        for number in range(WAITING):
            pipeline.produce(b"%d,Zoe,1" % START_MS, partition=number % INPUT_PARTITIONS)
        pipeline.flush()
        wait_until(lambda: waiting(pipeline) == (WAITING, WAITING), what="the exporter tells what waits to be moved")
        assert "billing_unmoved_records{" in asked(pipeline, "/metrics")
        pipeline.start("process")
        wait_until(lambda: waiting(pipeline) == (0, 0), what="it is moved and counted")
        assert 'billing_unmoved_records{partition="0"} 0.0' in asked(pipeline, "/metrics")
        assert 'billing_moved_offset{partition="0"} ' in asked(pipeline, "/metrics")
