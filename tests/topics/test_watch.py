"""What is done to a topic while a part runs is seen, told and, where money is at stake, refused."""

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from prometheus_client import CollectorRegistry

from billing.runtime.kafka import admin_client, ensure_topics
from billing.runtime.topic_check import TopicRefusedError, widen_topic
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings
from tests.conftest import Kafka
from tests.pipeline import wait_until
from tests.topics.test_check import settings_of

ROLES = ("input", "subtotals", "rejected", "changelog")


@pytest.fixture
def settings(kafka: Kafka, unique_name: str) -> Settings:
    settings = settings_of(kafka, unique_name, topic_check_seconds=1)
    ensure_topics(settings, ROLES)
    return settings


def alter(admin: AdminClient, topic: str, setting: str, value: str) -> None:
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    (future,) = admin.incremental_alter_configs([resource]).values()
    future.result(60)


def refused(watch: TopicWatch) -> bool:
    try:
        watch.raise_refusal()
    except TopicRefusedError:
        return True
    return False


def test_a_warning_comes_and_goes(settings: Settings) -> None:
    """The metric is 1 for topic and setting while it is wrong, else 0; nothing is refused."""
    admin, registry = admin_client(settings), CollectorRegistry()
    labels = {"topic": settings.input_topic, "setting": "retention.ms"}

    def shown() -> float | None:
        return registry.get_sample_value("billing_topic_warnings", labels)

    with TopicWatch(settings, ROLES, registry) as watch:
        alter(admin, settings.input_topic, "retention.ms", "600000")
        wait_until(lambda: shown() == 1, what="the warning is shown")
        assert not refused(watch)
        alter(admin, settings.input_topic, "retention.ms", "-1")
        wait_until(lambda: shown() == 0, what="the warning is gone")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda admin, s: alter(admin, s.subtotals_topic, "cleanup.policy", "delete"), "must be compact"),
        (lambda admin, s: alter(admin, s.input_topic, "cleanup.policy", "compact"), "must be delete"),
        (lambda admin, s: widen_topic(admin, s.subtotals_topic, 9), "partitions is 9, must stay 4"),
    ],
)
def test_what_loses_money_is_refused(
    settings: Settings, harm: Callable[[AdminClient, Settings], None], said: str
) -> None:
    """The refusal is kept for the part, which raises it before it writes."""
    registry = CollectorRegistry()
    with TopicWatch(settings, ROLES, registry) as watch:
        wait_until(lambda: watch.checks > 0, what="the first check")
        assert not refused(watch)
        harm(admin_client(settings), settings)
        wait_until(lambda: refused(watch), what="the refusal")
        with pytest.raises(TopicRefusedError, match=said):
            watch.raise_refusal()


def test_the_changelog_is_widened_with_the_input(settings: Settings) -> None:
    """Partitions added to the input are no fault: State gets its place."""
    admin = admin_client(settings)
    with TopicWatch(settings, ROLES) as watch:
        widen_topic(admin, settings.input_topic, 6)
        changelog = f"changelog__{settings.consumer_group}--{settings.input_topic}--default"
        wait_until(
            lambda: len(admin.list_topics(changelog, timeout=30).topics[changelog].partitions) == 6,
            what="the changelog has as many",
        )
        assert not refused(watch)
