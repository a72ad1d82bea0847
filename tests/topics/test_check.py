"""The check against a real broker: every topic with every wrong setting, and what a part does about it."""

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from billing.runtime.kafka import admin_client, ensure_topics
from billing.runtime.topic_check import TopicRefusedError, check_topics, look_at, widen_topic
from billing.settings import Settings, load_settings
from billing.topic_rules import Around, Grade, Role, judge_topic, made_config
from billing.topics import topic_specs
from tests.conftest import Kafka
from tests.pipeline import wait_until
from tests.topics.wrong_settings import Case, cases


def settings_of(kafka: Kafka, name: str, **options: object) -> Settings:
    names = {
        f"{role}_topic": f"{name}.{role}" for role in ("input", "subtotals", "rejected", "invoices", "notifications")
    }
    return load_settings({**names, "bootstrap_servers": kafka.bootstrap_servers, "consumer_group": name, **options}, {})


@pytest.fixture
def settings(kafka: Kafka, unique_name: str) -> Settings:
    return settings_of(kafka, unique_name)


@pytest.fixture
def admin(settings: Settings) -> AdminClient:
    return admin_client(settings)


def make(admin: AdminClient, topics: list[NewTopic]) -> None:
    for future in admin.create_topics(topics).values():
        future.result(60)
    wait_until(
        lambda: {topic.topic for topic in topics} <= set(admin.list_topics(timeout=30).topics), what="topics made"
    )


def test_every_wrong_setting_is_told_as_the_broker_tells_it(
    admin: AdminClient, settings: Settings, unique_name: str
) -> None:
    """Each topic of the table, made with its one fault: its finding is there with the grade, and no other is."""
    table: dict[str, Case] = {f"{unique_name}.{number}": case for number, case in enumerate(cases())}
    make(admin, [
        NewTopic(name, 1, 1, config={**made_config(role, 1), setting: value})
        for name, (role, setting, value, _) in table.items()
    ])  # fmt: skip
    cluster = look_at(admin, table)
    for name, (role, setting, value, grade) in table.items():
        around = _around(settings, cluster.brokers)
        told = {f.rule.setting: f for f in judge_topic(role, cluster.topics[name], around) if f.grade is not Grade.OK}
        assert {key: found.grade for key, found in told.items()} == ({} if grade is Grade.OK else {setting: grade})
        assert [finding.found for finding in told.values()] == [value] * len(told)


@pytest.mark.parametrize("scope", ["partition", "topic"])
def test_what_is_made_is_right_whatever_the_broker_s_defaults(kafka: Kafka, unique_name: str, scope: str) -> None:
    """Every setting that has a rule is the topic's own, not inherited; the keyed topic is there where it is needed."""
    settings = settings_of(kafka, unique_name, keyed_topic=f"{unique_name}.keyed", dedup_scope=scope)
    admin = admin_client(settings)
    ensure_topics(settings, list(Role))
    findings = check_topics(admin, settings, list(Role))
    assert {finding.topic for finding in findings} == {spec.name for spec in topic_specs(settings).values()}
    assert [finding.sentence for finding in findings if finding.grade is not Grade.OK] == []
    cluster = look_at(admin, [spec.name for spec in topic_specs(settings).values()])
    for role, spec in topic_specs(settings).items():
        state = cluster.topics[spec.name]
        wanted = made_config(Role(role), state.replication_factor)
        assert {name: state.config.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("role", "policy"), [("input", "compact"), ("subtotals", "delete"), ("invoices", "delete"), ("changelog", "delete")]
)
def test_a_part_does_not_start_on_a_topic_that_loses_money(
    admin: AdminClient, settings: Settings, role: str, policy: str
) -> None:
    """The error names topic, setting, value, what is allowed, the command and the section."""
    name = topic_specs(settings)[role].name
    make(admin, [NewTopic(name, 4, 1, config={"cleanup.policy": policy})])
    with pytest.raises(TopicRefusedError) as refused:
        ensure_topics(settings, ("input", role))
    said = str(refused.value)
    allowed = "delete" if policy == "compact" else "compact"
    assert said.startswith(f"topic {name}: cleanup.policy is {policy}, must be {allowed}: ")
    assert "`qb topics --fix`" in said
    assert "docs/runbook.md#topics-wrong" in said


def test_the_changelog_follows_the_input(admin: AdminClient, settings: Settings) -> None:
    """Partitions that were added to the input are added to the changelog at the next start."""
    make(admin, [NewTopic(settings.input_topic, 2, 1, config=made_config(Role.INPUT, 1))])
    assert ensure_topics(settings, ("input", "changelog")) == {"input": 2, "changelog": 2}
    widen_topic(admin, settings.input_topic, 5)
    wait_until(lambda: _partitions(admin, settings.input_topic) == 5, what="input widened")
    assert ensure_topics(settings, ("input", "changelog")) == {"input": 5, "changelog": 5}
    wait_until(lambda: _partitions(admin, topic_specs(settings)["changelog"].name) == 5, what="changelog widened")


def _partitions(admin: AdminClient, topic: str) -> int:
    return len(admin.list_topics(topic, timeout=30).topics[topic].partitions)


def _around(settings: Settings, brokers: int) -> Around:
    return Around(brokers, 1, 1, input_record_bytes=1_048_588, max_event_bytes=settings.max_event_bytes)
