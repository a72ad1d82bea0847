"""The invoicer as a service on a real Kafka: months close by themselves as events go by."""

import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer

from billing.local_time import MS_PER_HOUR
from billing.money import micros_per_minor
from billing.period import add_months, month_calendar
from broker.ports import free_port
from tests.conftest import Kafka
from tests.invoicer.kafka_world import Event, KafkaWorld
from tests.pipeline import wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

DAY_MS = 24 * MS_PER_HOUR
# A clock that shows 2025-01-01 and as good as stands still: only events close months then.
STILL = {"simulation_speed": 1e-6, "simulation_start_ms": 1_735_689_600_000}


def at(month: str, day: float) -> int:
    """Return a time within a month, in milliseconds; a day past its end lies in the next one."""
    return month_calendar("UTC").bounds_ms(month)[0] + int(day * DAY_MS)


def event(partition: int, month: str, day: float, customer: str, micros: int, type_: str = "CALL") -> Event:
    """Make an event of a month."""
    return partition, at(month, day), month, customer, type_, micros


def a_year(months: Sequence[str]) -> Iterator[tuple[str, list[Event]]]:
    """Yield batches of a year's events, in the order in which they arrive, and the month closed before each, if any.

    Each month has regular customers, credits, one who is there for that month only and one of every third month; some
    events are out of order over its end, and some come after the month before has been closed. Partition 1 is silent
    in the second half of the year.
    """
    for index, month in enumerate(months):
        other = 1 if index < 6 else 0
        yield "", [event(0, month, day, f"regular-{day % 5}", 3_333 * (day + index)) for day in range(1, 28)]
        yield (
            "",
            [event(other, month, 5, "credited", 1_004_999), event(other, month, 9, "credited", -2_000_000, "DATA")],
        )
        yield "", [event(other, month, 12, f"once-{index}", 999_999)]
        if index % 3 == 0:
            yield "", [event(0, month, 20, "quarterly", 5)]
        if index > 0:
            before = months[index - 1]
            yield before, [event(0, before, 14, "regular-3", -4_321), event(0, before, 28, "late", 1)]
        following = add_months(month, 1)
        yield "", [event(0, following, 0.2, "regular-1", 70), event(0, month, 27.9, "regular-2", 7)]


def test_a_year(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """Twelve months close by themselves, in order; all money is billed exactly once, to the micro and to the cent."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, close_chunk_invoices=3, **STILL)
    months = [add_months("2025-01", index) for index in range(12)]
    with world.invoicer() as service:
        for closed, batch in a_year(months):
            if closed:
                world.wait_for([closed])
            world.commit(batch)
        world.commit([event(0, "2026-01", 20, "regular-0", 1)])
        world.wait_for(months)
        code, said = world.stop(service)
    assert code == 0, said
    world.settings = world.settings.model_copy(update={"simulation_start_ms": at("2026-02", 1)})
    code, said = world.run("--month", "2026-01", "--now")
    assert code == 0, said
    found = world.check_all_billed()
    assert sorted(found.closes) == [*months, "2026-01"]
    assert any(invoice.adjustments for invoice in found.invoices)
    assert any(invoice.total_minor < 0 for invoice in found.invoices)
    exact = sum(invoice.exact_micros for invoice in found.invoices)
    lines = [line for invoice in found.invoices for line in invoice.all_lines]
    left = {}
    for invoice in found.invoices:
        left.update(
            {(invoice.customer, line.type): line.residue_micros(invoice.currency) for line in invoice.all_lines}
        )
    assert exact == sum(line.amount_minor for line in lines) * micros_per_minor("EUR") + sum(left.values())


def test_a_month_waits_for_every_partition(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """One partition is past the month, the other not: it closes once that one is past it, too, or long silent."""
    port = free_port()
    world = KafkaWorld(
        kafka.bootstrap_servers, topic_prefix, tmp_path, idle_after_seconds=3_600, invoicer_port=port, **STILL
    )
    world.commit([event(0, "2025-01", 9, "Alice", 1_000_000), event(1, "2025-01", 9, "Bob", 1_000_000)])
    world.commit([event(0, "2025-02", 10, "Alice", 1)])
    with world.invoicer() as service:
        world.read_until(service, "month is held up month=2025-01 input_partitions=1")
        assert not world.ledger().closes
        world.commit([event(1, "2025-02", 3.4, "Bob", 1)])
        wait_for_checks(port)
        assert not world.ledger().closes
        world.commit([event(1, "2025-02", 3.5, "Bob", 1)])
        found = world.wait_for(["2025-01"])
        code, said = world.stop(service)
    assert code == 0, said
    assert found.closes["2025-01"].offsets == {0: 2, 1: 3}, "it closed by the last event, not by the one before"


def test_the_clock_closes_a_silent_month(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """The clock is past grace and nothing comes: the month is closed, also with a transaction's marker at the end."""
    clock = {"simulation_speed": 1e-6, "simulation_start_ms": at("2025-02", 3)}
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, **clock)
    world.commit([event(0, "2025-01", 9, "Alice", 1_000_000)])
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"{topic_prefix}input"})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(world.settings.input_topic, b"aborted", partition=0)
    producer.flush()
    producer.abort_transaction(60)
    with world.invoicer() as service:
        world.wait_for(["2025-01"])
        assert world.stop(service)[0] == 0


def test_unread_input_holds_a_month_up(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """While the processor has not counted all there is, the clock alone closes nothing."""
    clock = {"simulation_speed": 1e-6, "simulation_start_ms": at("2025-03", 1)}
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, **clock)
    world.commit([event(0, "2025-01", 9, "Alice", 1_000_000)])
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    producer.produce(world.settings.input_topic, b"unread", partition=0)
    assert producer.flush(60) == 0
    with world.invoicer() as service:
        world.read_until(service, "month is held up month=2025-01 input_partitions=0")
        assert not world.ledger().closes
        code, said = world.stop(service)
    assert code == 0, said


def test_stopping_in_the_middle(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """Asked to stop while a month closes, it ends after the chunk at hand; the next one goes on from there."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, close_chunk_invoices=1)
    world.commit([event(0, "2025-01", 9, f"C{number:04d}", number) for number in range(9)])
    with world.invoicer("--month", "2025-01", "--now", freeze_at="chunk_issued:3") as service:
        world.wait_until_frozen(service)
        service.send_signal(signal.SIGTERM)
        service.send_signal(signal.SIGCONT)
        said, _ = service.communicate(timeout=120)
        assert service.returncode == 1, said
        assert "closing interrupted month=2025-01 issued=3" in said
    assert len(world.check().invoices) == 3
    assert world.run("--month", "2025-01", "--now")[0] == 0
    assert len(world.check_all_billed().invoices) == 9


def test_a_dry_run_issues_nothing(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """It prints what would be issued, of earlier open months, too; a running invoicer does not notice."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, **STILL)
    world.commit([event(0, "2025-01", 9, "Alice", 1_234_567), event(1, "2025-02", 0.5, "Bob", -5_000)])
    with world.invoicer() as service:
        world.read_until(service, "invoicer runs")
        code, said = world.run("--dry-run", "--month", "2025-02")
        assert code == 0, said
        assert "2025-01-000001,invoice,Alice,2025-01,EUR" in said
        assert "2025-02-000001,credit_note,Bob,2025-02,EUR" in said
        assert "2025-01: 1 invoices over 1.23 EUR would be issued; nothing was" in said
        assert not world.ledger().invoices
        world.commit([event(0, "2025-02", 20, "Alice", 1), event(1, "2025-02", 20, "Bob", 1)])
        world.wait_for(["2025-01"])
        assert world.stop(service)[0] == 0


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--now"], "--now closes one month by hand"),
        (["--month", "2025-13"], "--month: '2025-13' is not a month"),
        (["--month", "2025-02", "--now"], "2025-02 has not begun: it starts at 2025-02-01T00:00:00Z"),
    ],
)
def test_what_makes_no_sense_is_refused(
    kafka: Kafka, topic_prefix: str, tmp_path: Path, flags: list[str], complaint: str
) -> None:
    """A line says why, and the exit code is not 0."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, **STILL)
    code, said = world.run(*flags)
    assert code == 1
    assert complaint in said


def test_closing_by_hand_when_there_is_nothing(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """Nothing to bill, nothing to close: it says so, and writes no month close."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path)
    code, said = world.run("--month", "2025-01", "--now")
    assert code == 0
    assert "nothing to bill, not closed month=2025-01" in said
    assert not world.ledger().closes


def test_files_heal_while_months_close(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """While the folder can't be written months close all the same; it is complete once it can be, and after a loss."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path, **STILL)
    world.output.write_text("in the way")
    world.commit([event(0, "2025-01", 9, "Alice", 1_000_000), event(1, "2025-01", 9, "Bob", 1_000_000)])
    with world.invoicer() as service:
        for month in ("2025-02", "2025-03"):
            world.commit([event(0, month, 20, "Alice", 1), event(1, month, 20, "Bob", 1)])
        world.wait_for(["2025-01", "2025-02"])
        told = world.read_until(service, "files cannot be written")
        world.output.unlink()
        wait_for_files(world, 2)
        world.output.rename(tmp_path / "taken away")
        wait_for_files(world, 2)
        code, said = world.stop(service)
    assert code == 0, said
    assert "File exists" in told
    assert "files are gone month=2025-01" in said


def wait_for_files(world: KafkaWorld, months: int) -> None:
    """Wait until so many months have their manifest."""
    wait_until(lambda: len(list(world.output.glob("2*/manifest.json"))) == months, what="files")


def wait_for_checks(port: int) -> None:
    """Wait until the invoicer has looked for due months for a second from now on: many times."""

    def last_check() -> float:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        name = "billing_invoicer_last_check_timestamp_seconds"
        return max(float(line.split()[1]) for line in lines if line.startswith(name))

    enough = time.time() + 1
    wait_until(lambda: last_check() > enough, what="checks for due months")
