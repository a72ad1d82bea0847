"""How a processor's clients are members of a group: those of the counting, and those that move records first."""

from collections.abc import Mapping

from billing.settings import Settings

# Partitions that are added to the input are seen this soon.
METADATA_REFRESH_MS = 10_000

# How long a killed instance keeps its partitions from the others, and from no one if it comes back as itself.
SESSION_TIMEOUT_MS = 10_000


def instance_id(settings: Settings) -> str:
    """Return the name under which an instance is a member of its groups, the same after each restart."""
    return f"{settings.consumer_group}-{settings.instance}"


def member_options(settings: Settings) -> Mapping[str, object]:
    """Return librdkafka options of a consumer that shares a topic with the other instances."""
    return {
        # The instance keeps its partitions over a restart, and a restarted one fences its dead self at once.
        "group.instance.id": instance_id(settings),
        "isolation.level": "read_committed",
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "topic.metadata.refresh.interval.ms": METADATA_REFRESH_MS,
        # The default of a second holds any fast consumer at about 176,000 records/s with an idle core.
        "fetch.queue.backoff.ms": 10,
        # Questions to a broker wait behind an open fetch; recovery asks several a partition.
        "fetch.wait.max.ms": 100,
    }
