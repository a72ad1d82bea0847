"""`qb topics`: the table, what it makes and sets right, and its exit codes."""

import json
import os
import subprocess

import pytest
from confluent_kafka.admin import NewTopic

from billing.runtime.kafka import admin_client
from billing.settings import Settings
from billing.topics import topic_specs
from tests.conftest import Kafka
from tests.forking import run_process
from tests.topics.test_check import make, settings_of


@pytest.fixture
def settings(kafka: Kafka, unique_name: str) -> Settings:
    return settings_of(kafka, unique_name)


def qb_topics(settings: Settings, *flags: str) -> subprocess.CompletedProcess[str]:
    names = (
        "input_topic",
        "subtotals_topic",
        "rejected_topic",
        "invoices_topic",
        "notifications_topic",
        "consumer_group",
        "bootstrap_servers",
    )
    options = [word for name in names for word in (f"--{name.replace('_', '-')}", str(getattr(settings, name)))]
    return run_process("qb", "topics", *flags, *options, environment=os.environ)


def test_missing_topics_are_told_and_made(settings: Settings) -> None:
    """Exit code 1 while they are missing; what --create makes is all right, and a second look agrees."""
    names = {spec.name for spec in topic_specs(settings).values()}
    before = qb_topics(settings)
    assert before.returncode == 1
    assert all(f"missing: {name}" in before.stdout for name in names)
    assert qb_topics(settings, "--create").returncode == 0
    after = qb_topics(settings, "--check", "--json")
    assert after.returncode == 0, after.stdout
    assert {row["verdict"] for row in json.loads(after.stdout)["settings"]} == {"ok"}


def test_fix_sets_right_what_it_can_and_says_what_it_cannot(settings: Settings) -> None:
    """A compacted input, a ledger with retention and too many partitions: told, mended, and what is left is told."""
    make(
        admin_client(settings),
        [
            NewTopic(settings.input_topic, 2, 1, config={"cleanup.policy": "compact", "retention.ms": "60000"}),
            NewTopic(settings.invoices_topic, 2, 1, config={"cleanup.policy": "delete", "retention.ms": "60000"}),
        ],
    )
    assert qb_topics(settings, "--create").returncode == 1
    refused = {(row["topic"], row["setting"]) for row in rows(settings) if row["verdict"] == "refuse"}
    assert refused == {(settings.input_topic, "cleanup.policy"), (settings.invoices_topic, "cleanup.policy")}

    done = qb_topics(settings, "--fix")
    assert done.returncode == 3, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert f"set right: {settings.input_topic} cleanup.policy, was compact" in said
    assert "does not bring back events that compaction removed" in said
    assert f"can't be set on an existing topic: topic {settings.invoices_topic}: partitions is 2, must be 1" in said
    left = {(row["topic"], row["setting"]) for row in rows(settings) if row["verdict"] != "ok"}
    assert left == {(settings.invoices_topic, "partitions")}


def rows(settings: Settings) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(qb_topics(settings, "--json").stdout)["settings"]
    return found
