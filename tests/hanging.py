"""Asserts, at the end of a test that killed something, that no transaction hangs: each one ends by itself."""

from billing.runtime.kafka import admin_client
from billing.settings import Settings
from billing.topics import topic_specs
from tests.pipeline import wait_until
from tests.torn_transactions import hanging_partitions

# A producer that is gone and never comes back keeps its transaction open for a minute; brokers look every ten seconds.
ENDED_SECONDS = 90.0


def topics_of(settings: Settings) -> list[str]:
    """Return all topics of a deployment that are there, State's changelogs too."""
    named = {spec.name for spec in topic_specs(settings).values()}
    changelogs = f"changelog__{settings.consumer_group}--{settings.counted_topic}--"
    known = admin_client(settings).list_topics(timeout=30).topics
    return [topic for topic in known if topic in named or topic.startswith(changelogs)]


def assert_nothing_hangs(settings: Settings) -> None:
    """Assert that the last stable offset of each partition of a deployment becomes its end."""
    topics = topics_of(settings)
    assert topics
    servers = settings.bootstrap_servers
    wait_until(lambda: not hanging_partitions(servers, topics), ENDED_SECONDS, f"nothing open in {', '.join(topics)}")
