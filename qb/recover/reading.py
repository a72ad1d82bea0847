"""Reads the facts from Kafka and this machine. It changes nothing."""

from collections.abc import Mapping
from pathlib import Path

from billing.runtime.partition_bounds import Bounds
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings
from billing.subtotal import (
    OLDER_VERSION_RUNBOOK,
    Progress,
    ProgressKey,
    RecordError,
    UnknownVersionError,
    decode_progress,
    encode_key,
)
from billing.topics import changelog_topic
from qb.audit.sources import WholeTopic, read_until
from qb.reading.topics import Topics
from qb.recover.facts import Counted, Facts, Names, PartitionFacts, Unreadable
from qb.recover.group import Group
from qb.recover.remedies import numbered_group, numbered_topic

_PROGRESS = encode_key(ProgressKey(0)).removesuffix(b"0")


def names_of(settings: Settings) -> Names:
    """Return what the settings name the topics and the group."""
    return Names(
        servers=settings.bootstrap_servers,
        input_topic=settings.counted_topic,
        subtotals_topic=settings.subtotals_topic,
        rejected_topic=settings.rejected_topic,
        changelog=changelog_topic(settings.consumer_group, settings.counted_topic),
        group=settings.consumer_group,
        time_zone=settings.time_zone,
    )


def read_facts(settings: Settings, group: Group) -> Facts:
    """Return everything that a conclusion needs.

    The group's offsets are read first and last: a processor that counts moves them while the topics are read.

    Raises:
        OperatorError: no broker answers, or a topic can't be read to its end.
        KafkaException: the broker refuses.
    """
    names = names_of(settings)
    topics = Topics(settings)
    before = group.offsets()
    state = newest_progress(settings, topics, names.changelog)
    published = newest_progress(settings, topics, names.subtotals_topic)
    after = group.offsets()
    starts, ends = topics.starts(names.input_topic), topics.ends(names.input_topic)
    logs = {partition: Bounds(start, ends[partition]) for partition, start in starts.items()}
    last_times = _last_record_times(settings, topics.partitions(names.input_topic), logs, state, published)
    changelog_starts = topics.starts(names.changelog)
    numbers = range(max((p + 1 for known in (logs, state, published, after) for p in known), default=0))
    return Facts(
        partitions=tuple(
            PartitionFacts(
                partition=number,
                log=logs.get(number),
                committed=after.get(number),
                committed_before=before.get(number),
                state=state.get(number),
                published=published.get(number),
                changelog_start=changelog_starts.get(number, 0),
                last_record_ms=last_times.get(number),
            )
            for number in numbers
        ),
        topic_id=group.topic_id(names.input_topic) if logs else None,
        members=group.members(),
        has_changelog=topics.partitions(names.changelog) > 0,
        state_folders=state_folders(settings),
        free_number=_free_number(topics, names),
    )


def newest_progress(settings: Settings, topics: Topics, topic: str) -> dict[int, Counted]:
    """Return the newest progress record of each input partition in a topic, read whole; {} if there is none."""
    whole = WholeTopic(settings, topics, topic)
    newest: dict[int, bytes | None] = {}
    try:
        for records in whole.to_now():
            newest |= {
                int(record.key.removeprefix(_PROGRESS)): record.value
                for record in records
                if record.key is not None
                and record.key.startswith(_PROGRESS)
                and record.key.removeprefix(_PROGRESS).isdigit()
            }
    finally:
        whole.close()
    return {partition: _decoded(value) for partition, value in newest.items() if value is not None}


def _decoded(value: bytes) -> Progress | Unreadable:
    try:
        return decode_progress(value)
    except UnknownVersionError as error:
        is_older = OLDER_VERSION_RUNBOOK in str(error)
        return Unreadable(str(error), is_older=is_older, is_newer=not is_older)
    except RecordError as error:
        return Unreadable(str(error))


def _last_record_times(
    settings: Settings,
    partitions: int,
    logs: Mapping[int, Bounds],
    state: Mapping[int, Counted],
    published: Mapping[int, Counted],
) -> dict[int, int]:
    """Return the record time of the last record that was counted of each input partition, where it still is."""
    wanted = {}
    for partition, log in logs.items():
        counted = PartitionFacts(partition, state=state.get(partition), published=published.get(partition)).reference
        if counted is not None and log.start <= counted.next_offset - 1 < log.end:
            wanted[partition] = counted.next_offset - 1
    if not wanted:
        return {}
    # The others are read from their end on: nothing is wanted of them.
    starts = {partition: log.end for partition, log in logs.items()} | wanted
    first: dict[int, tuple[int, int]] = {}
    with TopicReader(settings, settings.counted_topic, partitions, starts) as reader:
        for records in read_until(reader, {partition: offset + 1 for partition, offset in wanted.items()}):
            for record in records:
                first.setdefault(record.partition, (record.offset, record.timestamp_ms))
    return {partition: ms for partition, (offset, ms) in first.items() if wanted.get(partition) == offset}


def state_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders below `state_dir` of this machine that hold State of the group, of whatever instance."""
    return tuple(sorted(path for path in settings.state_dir.glob(f"*/{settings.consumer_group}") if path.is_dir()))


def _free_number(topics: Topics, names: Names) -> int:
    number = 2
    while True:
        group = numbered_group(names.group, number)
        wanted = (
            numbered_topic(names.subtotals_topic, number),
            numbered_topic(names.rejected_topic, number),
            changelog_topic(group, names.input_topic),
        )
        if not any(topics.is_listed(name) for name in wanted):
            return number
        number += 1
