"""`qb replay` on a real Kafka, with processor and invoicer: another zone, applied twice, killed in the middle."""

import csv
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from billing import ledger
from billing.event import BillableEvent
from billing.invoice import Invoice
from billing.ledger import InvoiceKey
from billing.period import MonthCalendar, month_calendar
from qb.replay.adjustment import decode_adjustment
from tests.conftest import Kafka, new_name
from tests.explain.made_up import payload
from tests.forking import run_process
from tests.moving import mover_process
from tests.moving.world import moved, moving_pipeline
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.replay import killable
from tests.whole_topic import read_whole

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

UTC, BERLIN = month_calendar("UTC"), month_calendar("Europe/Berlin")
MONTH, BEFORE, AFTER = "2025-01", "2024-12", "2025-02"
HALF_AN_HOUR_MS = 1_800_000
# It shows 2 March and as good as stands still, so ids of January are in the window and those of December are not.
STILL = {"simulation_speed": 1e-6, "simulation_start_ms": UTC.bounds_ms("2025-03")[0] + 24 * 3_600_000}
CUSTOMERS = tuple(f"customer-{number:02d}" for number in range(12))


def events_of(number: int) -> list[BillableEvent]:
    """A customer's: one in the middle of each month, and one at each edge that Berlin has in the month after."""
    starts = {month: UTC.bounds_ms(month)[0] for month in (BEFORE, MONTH, AFTER)}
    days = [start_ms + 14 * 48 * HALF_AN_HOUR_MS for start_ms in starts.values()]
    edges = [starts[month] - HALF_AN_HOUR_MS for month in (MONTH, AFTER)]
    return [
        BillableEvent(time_ms, CUSTOMERS[number], 10**index * (number + 1) + index, "CALL")
        for index, time_ms in enumerate((*days, *edges))
    ]


class Deployment:
    """A deployment that counts by UTC, and the replays of it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.processor: subprocess.Popen[bytes] | None = None
        self.sent = 0

    def count(self) -> None:
        """Start the processor, and wait until all that was sent is counted."""
        self.processor = self.pipeline.start("process")
        wait_until(lambda: self.pipeline.consumed() == self.sent, what=f"{self.sent} records counted")

    def stop_counting(self) -> None:
        assert self.processor is not None
        self.processor.terminate()
        assert self.processor.wait(120) == 0, self.pipeline.log_of("process")

    def replay(self, *arguments: str, kill_at: str = "", **options: str) -> subprocess.CompletedProcess[str]:
        """Run `qb replay` of the month by Berlin's months, one customer in a transaction."""
        environment = {
            **os.environ, **self.pipeline.environment, killable.KILL_AT: kill_at, "QB_TIME_ZONE": "Europe/Berlin",
            **{f"QB_{name.upper()}": one for name, one in options.items()},
        }  # fmt: skip
        module = killable.__name__ if kill_at else "qb"
        file = str(self.pipeline.directory / "found.csv")
        flags = ("--month", MONTH, "--chunk", "1", "--file", file)
        return run_process(module, "replay", *flags, *arguments, environment=environment)

    def found(self) -> list[dict[str, str]]:
        """The rows of the file that the newest replay saved."""
        with (self.pipeline.directory / "found.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def adjustments(self) -> list[tuple[bytes, bytes]]:
        """Key and value of all adjustments that are committed in the input, in some order of their own."""
        settings = self.pipeline.settings
        records = read_whole(settings, settings.input_topic, INPUT_PARTITIONS)
        return sorted((one.key or b"", one.value or b"") for one in records if decode_adjustment(one.value))

    def invoice(self, month: str) -> None:
        done = self.pipeline.start("invoice", month, "--month", month, "--now")
        assert done.wait(120) == 0, self.pipeline.log_of("invoice", month)

    def invoices(self) -> list[Invoice]:
        settings = self.pipeline.settings
        records = read_whole(settings, settings.invoices_topic, 1)
        keyed = {one.key: one.value for one in records if one.key}
        return [
            ledger.decode_invoice(value)
            for key, value in keyed.items()
            if value and isinstance(ledger.decode_key(key), InvoiceKey)
        ]

    def live(self, month: str) -> dict[str, int]:
        """The live total of each customer's month."""
        customers, _ = self.pipeline.totals()
        return {customer: micros for (at, customer, _), (micros, _) in customers.items() if at == month}


@contextmanager
def counted(pipeline: Pipeline) -> Iterator[Deployment]:
    """One that has counted all events."""
    with pipeline:
        made = Deployment(pipeline)
        for number, customer in enumerate(CUSTOMERS):
            for event in events_of(number):
                pipeline.produce(payload(event), customer.encode())
                made.sent += 1
        pipeline.flush()
        made.count()
        yield made


@pytest.fixture
def deployment(kafka: Kafka, tmp_path: Path) -> Iterator[Deployment]:
    """One that has counted all events and closed December and January."""
    with counted(Pipeline(kafka.bootstrap_servers, tmp_path, new_name(), **STILL)) as made:
        made.invoice(MONTH)
        yield made


def months_of(calendar: MonthCalendar, number: int) -> dict[str, int]:
    """What a customer's events add up to, by month of a calendar."""
    sums = Counter[str]()
    for event in events_of(number):
        sums[calendar.month_of(event.timestamp_ms)] += event.amount_micros
    return dict(sums)


def test_another_zone_is_on_invoices_once(deployment: Deployment) -> None:
    """Killed in a transaction, applied again and again, and once more by hand: each customer's months are Berlin's."""
    shown = deployment.replay()
    assert shown.returncode == 1, shown.stderr
    assert "the processors count by the months of UTC" in shown.stdout
    assert len(deployment.found()) == 3 * len(CUSTOMERS)
    assert not deployment.adjustments(), "without --apply nothing is issued"

    deployment.stop_counting()
    killed = deployment.replay("--apply", kill_at="records_sent:4")
    assert killed.returncode == -9, killed.stderr
    whole = deployment.replay("--apply")
    assert whole.returncode == 0, whole.stderr
    issued = deployment.adjustments()
    assert len({decode_adjustment(value) for _, value in issued}) == len(issued) == 4 * len(CUSTOMERS)
    assert len(deployment.found()) == 3 * (len(CUSTOMERS) - 3), "three customers' were committed before the kill"
    assert 0 < sum(b'"id":' in value for _, value in issued) < len(issued), "only those within the window have ids"
    again = deployment.replay("--apply")
    assert again.returncode == 0, again.stderr
    assert "nothing differs" in again.stdout, "what waits to be counted is known again"
    assert deployment.adjustments() == issued

    # A sender that repeats some: their ids make them duplicates.
    repeated = [(key, value) for key, value in issued if b'"id":' in value]
    for key, value in repeated:
        deployment.pipeline.produce(value, key)
    deployment.pipeline.flush()
    deployment.sent += len(issued) + len(repeated)
    deployment.count()
    assert sum(one.duplicates for one in deployment.pipeline.progress().values()) == len(repeated)
    assert not deployment.pipeline.rejected()

    counted = deployment.replay("--apply")
    assert counted.returncode == 0, counted.stderr
    assert "nothing differs" in counted.stdout
    check_invoices(deployment)


def check_invoices(deployment: Deployment) -> None:
    """Close February: over all invoices each customer's January is Berlin's, and nothing was made or lost."""
    deployment.invoice(AFTER)
    invoices = deployment.invoices()
    billed = Counter[tuple[str, str]]()
    adjusted = Counter[tuple[str, str]]()
    for invoice in invoices:
        for line in invoice.all_lines:
            billed[invoice.customer, line.month] += line.exact_micros
        for line in invoice.adjustments:
            adjusted[invoice.customer, line.month] += 1
    for number, customer in enumerate(CUSTOMERS):
        utc, berlin = months_of(UTC, number), months_of(BERLIN, number)
        assert billed[customer, MONTH] == berlin[MONTH]
        assert [billed[customer, month] for month in (BEFORE, AFTER)] == [berlin[BEFORE], berlin[AFTER]]
        assert sum(utc.values()) == sum(billed[customer, month] for month in (BEFORE, MONTH, AFTER))
        assert [adjusted[customer, month] for month in (BEFORE, MONTH)] == [1, 1], "one adjustment line for each"
        assert deployment.live(MONTH)[customer] == berlin[MONTH]


def test_what_waits_to_be_moved_is_known_again(kafka: Kafka, tmp_path: Path) -> None:
    """Killed and applied again before anything is moved, then before it is counted: it is issued once, and counts."""
    with counted(moving_pipeline(kafka, tmp_path, new_name(), **STILL)) as deployment:
        deployment.stop_counting()
        killed = deployment.replay("--apply", kill_at="records_sent:4")
        assert killed.returncode == -9, killed.stderr
        whole = deployment.replay("--apply")
        assert whole.returncode == 0, whole.stderr
        issued = deployment.adjustments()
        assert len({decode_adjustment(value) for _, value in issued}) == len(issued) == 4 * len(CUSTOMERS)
        assert any(b'"id":' not in value for _, value in issued), "by their ids alone they would not be told apart"
        check_nothing_is_left(deployment, issued)

        deployment.sent += len(issued)
        mover = deployment.pipeline.start("move", module=mover_process.__name__)
        wait_until(lambda: len(moved(deployment.pipeline)) == deployment.sent, what="the adjustments are moved")
        check_nothing_is_left(deployment, issued)
        mover.kill()
        mover.wait()

        deployment.count()
        check_nothing_is_left(deployment, issued)
        wanted = {customer: months_of(BERLIN, number)[MONTH] for number, customer in enumerate(CUSTOMERS)}
        assert deployment.live(MONTH) == wanted


def check_nothing_is_left(deployment: Deployment, issued: list[tuple[bytes, bytes]]) -> None:
    """Apply once more: it finds what was issued, and issues nothing."""
    again = deployment.replay("--apply")
    assert again.returncode == 0, again.stderr
    assert "nothing differs" in again.stdout
    assert deployment.adjustments() == issued


def test_deleted_input_is_refused_unless_told(deployment: Deployment) -> None:
    """What is gone may be of the month, and would be credited."""
    settings = deployment.pipeline.settings
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    partition = next(number for number, one in deployment.pipeline.progress().items() if one.next_offset > 1)
    (done,) = admin.delete_records([TopicPartition(settings.input_topic, partition, 1)]).values()
    done.result(60)
    refused = deployment.replay()
    assert refused.returncode == 1
    assert f"{settings.input_topic}[{partition}] begins at offset 1" in refused.stderr
    assert "--accept-deleted" in refused.stderr
    accepted = deployment.replay("--accept-deleted", time_zone="UTC")
    assert "is taken for events of other months" in accepted.stdout, accepted.stderr


def test_a_month_that_is_not_over_is_not_corrected(deployment: Deployment) -> None:
    """It can be recounted, and is what it is by the live rules."""
    refused = deployment.replay("--apply", "--month", "2025-03")
    assert refused.returncode == 1
    assert "2025-03 is not over" in refused.stderr
    same = deployment.replay(time_zone="UTC")
    assert same.returncode == 0, same.stderr
    assert "2025-01 is what the recount says: nothing differs" in same.stdout
    assert deployment.replay("--month", "soon").stderr.startswith("qb: --month: 'soon' is not a month")
