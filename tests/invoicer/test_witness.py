"""A ledger that lost records is recognised by what else is known, and the runbook's remedy brings billing back."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from billing.invoice import invoice_number, invoice_ordinal
from billing.ledger import decode_invoice, encode_invoice
from billing.runtime.kafka import ensure_topics
from billing.runtime.topic_reader import Record
from qb.audit.app import audit
from qb.audit.findings import Check, Difference
from tests.conftest import Kafka
from tests.invoicer.kafka_world import KafkaWorld
from tests.invoicer.test_kills import NOVEMBER_MS, OCTOBER_MS, usage
from tests.pipeline import wait_until
from tests.whole_topic import read_whole

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

WAIT_SECONDS = 90.0
STOPPED = "stopped before issuing anything, see docs/runbook.md#ledger-damaged"
OCTOBER = ("--month", "2026-10", "--now")
NOVEMBER = ("--month", "2026-11", "--now")


@pytest.fixture
def world(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> KafkaWorld:
    """October is closed, and there is usage of November."""
    world = KafkaWorld(kafka.bootstrap_servers, topic_prefix, tmp_path)
    world.commit(usage(OCTOBER_MS, "2026-10", 5))
    code, said = world.run(*OCTOBER)
    assert code == 0, said
    world.commit(usage(NOVEMBER_MS, "2026-11", 5))
    return world


def records(world: KafkaWorld) -> list[Record]:
    """Return all records of the ledger."""
    partitions = ensure_topics(world.settings, ("invoices",))["invoices"]
    return read_whole(world.settings, world.settings.invoices_topic, partitions)


def copy_to_new_ledger(world: KafkaWorld, backup: list[Record]) -> None:
    """Do what the runbook says: write a backup of the ledger to a new topic, and use that."""
    topic = f"{world.settings.invoices_topic}.2"
    admin = AdminClient({"bootstrap.servers": world.settings.bootstrap_servers})
    config = {"cleanup.policy": "compact", "retention.ms": "-1", "retention.bytes": "-1"}
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(WAIT_SECONDS)
    producer = Producer({"bootstrap.servers": world.settings.bootstrap_servers, "enable.idempotence": True})
    for record in backup:
        producer.produce(topic, record.value, record.key, partition=0)
    assert producer.flush(WAIT_SECONDS) == 0
    world.settings = world.settings.model_copy(update={"invoices_topic": topic})


def refused(world: KafkaWorld) -> str:
    """Assert that nothing is issued, and return what is said."""
    before = records(world)
    code, said = world.run(*NOVEMBER)
    assert code == 1
    assert STOPPED in said
    assert "Traceback" not in said
    assert records(world) == before
    return said


def goes_on(world: KafkaWorld) -> None:
    """Assert that the next month closes and all is billed once."""
    code, said = world.run(*NOVEMBER)
    assert code == 0, said
    assert world.check_all_billed().closes.keys() == {"2026-10", "2026-11"}


def set_cleanup_policy(admin: AdminClient, topic: str, policy: str) -> None:
    """Set what the topic does with old records, and wait until the broker knows it."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    resource.add_incremental_config(ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET))
    (altered,) = admin.incremental_alter_configs([resource]).values()
    altered.result(WAIT_SECONDS)

    def is_set() -> bool:
        (described,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
        found: str = described.result(WAIT_SECONDS)["cleanup.policy"].value
        return found == policy

    wait_until(is_set, WAIT_SECONDS, f"cleanup.policy is {policy}")


def test_a_ledger_cut_at_its_start(world: KafkaWorld) -> None:
    """Records deleted from the start of the log, as retention does it."""
    backup = records(world)
    admin = AdminClient({"bootstrap.servers": world.settings.bootstrap_servers})
    set_cleanup_policy(admin, world.settings.invoices_topic, "delete")
    cut = TopicPartition(world.settings.invoices_topic, 0, backup[3].offset)
    for future in admin.delete_records([cut]).values():
        future.result(WAIT_SECONDS)
    set_cleanup_policy(admin, world.settings.invoices_topic, "compact")
    assert "were deleted" in refused(world)
    copy_to_new_ledger(world, backup)
    goes_on(world)


@pytest.mark.parametrize("witness", ["files", "group"])
def test_a_ledger_made_anew(world: KafkaWorld, witness: str, tmp_path: Path) -> None:
    """The topic is empty: the files tell, and without them the group's offset."""
    backup = records(world)
    if witness == "files":
        world.settings = world.settings.model_copy(update={"invoices_topic": f"{world.settings.invoices_topic}.empty"})
    else:
        remake(world)
        world.settings = world.settings.model_copy(update={"output": tmp_path / "elsewhere"})
    assert ("holds issued invoices" if witness == "files" else "made anew") in refused(world)
    copy_to_new_ledger(world, backup)
    goes_on(world)


def remake(world: KafkaWorld) -> None:
    """Delete the ledger and make it again under its name."""
    topic = world.settings.invoices_topic
    admin = AdminClient({"bootstrap.servers": world.settings.bootstrap_servers})
    admin.delete_topics([topic])[topic].result(WAIT_SECONDS)
    ensure_topics(world.settings, ("invoices",))


def test_a_number_that_comes_twice(world: KafkaWorld) -> None:
    """A ledger in which two customers hold one number is not written to; a repaired copy is."""
    backup = records(world)
    place = next(i for i, record in enumerate(backup) if (record.key or b"").endswith(b"|C002"))
    twice = Record(0, 0, b"invoice|2026-10|Other", backup[place].value, 0)
    good = world.settings
    copy_to_new_ledger(world, [*backup[: place + 1], twice, *backup[place + 1 :]])
    assert "where number 2026-10-000004 comes next" in refused(world)
    world.settings = good.model_copy(update={"invoices_topic": f"{good.invoices_topic}.repaired"})
    copy_to_new_ledger(world, backup)
    goes_on(world)


def test_a_number_given_to_two_customers(world: KafkaWorld, tmp_path: Path) -> None:
    """The audit names both; with the second one renumbered as the runbook says, it agrees and billing goes on."""
    good, backup = world.settings, records(world)
    shared = [renumbered(record, {3: 2, 4: 3, 5: 4}) for record in backup]
    copy_to_new_ledger(world, shared)
    assert "where number 2026-10-000003 comes next" in refused(world)
    (told,) = [d for d in differences(world, Check.NUMBERS) if d.subject == "invoice 2026-10-000002"]
    assert told.found == "C001 0.00 EUR; C002 1.23 EUR"

    place = next(i for i, record in enumerate(shared) if record.key == b"invoice|2026-10|C002")
    last = max(i for i, record in enumerate(shared) if (record.key or b"").startswith(b"invoice|2026-10|"))
    moved = renumbered(shared[place], {2: 5})
    world.settings = good.model_copy(update={"invoices_topic": f"{good.invoices_topic}.repaired"})
    before = [record for record in shared[:last] if record.key != b"closing|2026-10"]
    before.remove(shared[place])
    copy_to_new_ledger(world, [*before, shared[last], moved, *shared[last + 1 :]])
    (world.output / "2026-10").rename(tmp_path / "as sent")
    assert not differences(world, Check.NUMBERS, Check.LEDGER)
    goes_on(world)
    assert not differences(world, Check.NUMBERS, Check.LEDGER, Check.FILES)


def renumbered(record: Record, numbers: Mapping[int, int]) -> Record:
    """Return a record of October's ledger with another number, if it is an invoice whose number is among those."""
    if record.value is None or not (record.key or b"").startswith(b"invoice|2026-10|"):
        return record
    invoice = decode_invoice(record.value)
    ordinal = invoice_ordinal(invoice.number)
    number = invoice_number(invoice.month, numbers.get(ordinal, ordinal))
    return dataclasses.replace(record, value=encode_invoice(dataclasses.replace(invoice, number=number)))


def differences(world: KafkaWorld, *checks: Check) -> list[Difference]:
    """Return what the audit finds of some checks. The world's input is made up, so others may differ."""
    ensure_topics(world.settings, ("rejected",))
    return [difference for difference in audit(world.settings).differences if difference.check in checks]


def test_a_record_that_nobody_of_us_wrote(world: KafkaWorld) -> None:
    """It stops the invoicer with a sentence that names it; counted again into a new topic, billing goes on."""
    producer = Producer({"bootstrap.servers": world.settings.bootstrap_servers})
    producer.produce(world.settings.subtotals_topic, b"garbage", b"garbage", partition=0)
    assert producer.flush(WAIT_SECONDS) == 0
    code, said = world.run(*NOVEMBER)
    assert code == 1
    assert "a record that cannot be read, at offset" in said
    assert "docs/runbook.md#unreadable-record" in said
    assert "Traceback" not in said
    world.settings = world.settings.model_copy(update={"subtotals_topic": f"{world.settings.subtotals_topic}.2"})
    ensure_topics(world.settings, ("subtotals",))
    world.publish_all()
    goes_on(world)


def test_the_older_of_two_invoicers_leaves(world: KafkaWorld) -> None:
    """Also while there is nothing to close, it notices that another one has taken over, says so and ends."""
    with world.invoicer() as first:
        world.read_until(first, "invoicer runs")
        code, said = world.run(*NOVEMBER)
        assert code == 0, said
        said, _ = first.communicate(timeout=120)
        assert first.returncode == 1
        assert "another invoicer has taken over" in said
        assert "docs/runbook.md#fenced-invoicer" in said
