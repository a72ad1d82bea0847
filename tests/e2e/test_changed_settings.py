"""A changed currency or time zone, as docs/runbook.md has it: refused, then set back or counted again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from confluent_kafka.admin import AdminClient

from broker.ports import free_port
from tests.conftest import Kafka
from tests.pipeline import SHORT_SESSION, Pipeline, wait_until
from tests.processor.test_takeover import count_some

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600), pytest.mark.slow("the runbook's remedies")]

COUNTED = 100
MICROS = 1_000_000
ANSWER_SECONDS = 90.0
# Half an hour off: none of its hours is an hour of UTC.
ZONE = "Asia/Kolkata"


@pytest.fixture
def pipeline(kafka: Kafka, tmp_path: Path, unique_name: str) -> Iterator[Pipeline]:
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, kafka=SHORT_SESSION) as pipeline:
        yield pipeline


def members(pipeline: Pipeline) -> int:
    """Return how many members the group of a pipeline has."""
    admin = AdminClient({"bootstrap.servers": pipeline.settings.bootstrap_servers})
    (future,) = admin.describe_consumer_groups([pipeline.settings.consumer_group]).values()
    return len(future.result(ANSWER_SECONDS).members)


class Viewer:
    """Asks an exporter of a pipeline over HTTP."""

    def __init__(self, pipeline: Pipeline, instance: str, **options: str) -> None:
        self._port = free_port()
        self.process = pipeline.start(
            "export", instance, exporter_host="127.0.0.1", exporter_port=self._port, **options
        )

    def get(self, path: str) -> tuple[int, Any]:
        """Return the status of an answer and its document; 0 while nobody listens."""
        request = Request(f"http://127.0.0.1:{self._port}{path}", headers={"Accept": "application/json"})
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None

    def refuses_with(self, code: str) -> bool:
        """Say whether it answers that it shows nothing, for that reason."""
        status, document = self.get("/types")
        return status == 503 and bool(document["error"]["code"] == code)

    def total(self, month: str) -> str | None:
        """Return Charlie's total of a month, None while it is not known."""
        status, document = self.get(f"/customers/Charlie?month={month}")
        return f"{document['total']} {document['currency']}" if status == 200 else None


def bill(pipeline: Pipeline, month: str, instance: str, **options: str) -> int:
    """Close a month by hand and return the exit code."""
    return pipeline.start("invoice", instance, "--month", month, "--now", **options).wait(120)


def test_a_changed_currency_is_set_back_or_gets_a_deployment_of_its_own(
    kafka: Kafka, pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory, unique_name: str
) -> None:
    """Invoicer and exporter refuse the other one; set back, both go on; with its own topics the other one works."""
    count_some(pipeline)
    assert bill(pipeline, "2017-02", "first") == 0
    assert bill(pipeline, "2017-03", "changed", currency="CHF") == 1
    assert "the invoices of 2017-02 are in EUR, but currency is CHF" in pipeline.log_of("invoice", "changed")
    assert "docs/runbook.md#currency-changed" in pipeline.log_of("invoice", "changed").splitlines()[-1]
    changed = Viewer(pipeline, "changed", currency="CHF")
    wait_until(lambda: changed.refuses_with("other_currency"), what="nothing is shown under the other name")

    assert bill(pipeline, "2017-03", "back") == 0
    back = Viewer(pipeline, "back")
    wait_until(lambda: back.total("2017-02") == "100.000000 EUR", what="shown again")

    name = f"{unique_name}-chf"
    with Pipeline(
        kafka.bootstrap_servers, tmp_path_factory.mktemp("chf"), name, kafka=SHORT_SESSION, currency="CHF"
    ) as other:
        count_some(other)
        assert bill(other, "2017-02", "own") == 0
        viewer = Viewer(other, "own")
        wait_until(lambda: viewer.total("2017-02") == "100.000000 CHF", what="the other deployment shows its own")


def test_a_changed_time_zone_is_counted_again(
    kafka: Kafka, pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory, unique_name: str
) -> None:
    """Processor and exporter refuse the other zone; after the recount no hour and no month of the old one is left."""
    count_some(pipeline)
    pipeline.produce(b"1488322800,Charlie,1.00")  # 2017-02-28T23:00:00Z: March in Kolkata, where hours begin at :30
    pipeline.flush()
    process = pipeline.start("process")
    wait_until(lambda: pipeline.consumed() == COUNTED + 1, what="the last one counted")
    process.terminate()
    assert process.wait(120) == 0
    old = pipeline.totals()
    wait_until(lambda: members(pipeline) == 0, what="the group has no members")
    assert pipeline.start("process", "changed", time_zone=ZONE).wait(120) == 1
    assert "docs/runbook.md#time-zone-changed" in pipeline.log_of("process", "changed")
    changed = Viewer(pipeline, "changed", time_zone=ZONE)
    wait_until(lambda: changed.refuses_with("other_time_zone"), what="nothing is shown by the months of the other")

    renamed = {
        "input_topic": pipeline.settings.input_topic,
        "consumer_group": f"{unique_name}-2",
        "subtotals_topic": f"{unique_name}.subtotals.2",
        "rejected_topic": f"{unique_name}.rejected.2",
        "time_zone": ZONE,
    }
    with Pipeline(kafka.bootstrap_servers, tmp_path_factory.mktemp("zone"), unique_name, **renamed) as again:
        again.start("process")
        wait_until(lambda: again.consumed() == COUNTED + 1, what="everything counted again")
        customers, hours = again.totals()
        assert customers == {
            ("2017-02", "Charlie", "MISC"): [COUNTED * MICROS, COUNTED],
            ("2017-03", "Charlie", "MISC"): [MICROS, 1],
        }
        assert sum(micros for micros, _ in hours.values()) == (COUNTED + 1) * MICROS
        assert not hours.keys() & old[1].keys()
        viewer = Viewer(again, "again")
        wait_until(lambda: viewer.total("2017-03") == "1.000000 EUR", what="March is shown")
        assert viewer.total("2017-02") == "100.000000 EUR"
        assert viewer.get("/readyz")[1]["status"] == "ready"
