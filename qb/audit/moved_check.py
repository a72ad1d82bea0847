"""Whether the keyed topic holds each record of the input once and unchanged: told by where each says that it lay.

What is counted is recounted from the keyed topic. That alone would not notice a record that was moved twice or never.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from billing.moved_record import split_headers
from billing.rejected_record import carry
from billing.runtime.kafka import admin_client
from billing.runtime.topic_reader import Record
from billing.settings import Settings
from billing.topics import moving_group
from qb.audit.findings import Check, Findings
from qb.audit.input_reader import InputReader
from qb.audit.sources import read_until
from qb.audit.verdicts import digest_of
from qb.reading.topics import Topics
from qb.recover.group import Group

# Records are compared by stretches of so many offsets, so that memory stays small: a count and a sum of digests each.
STRETCH_OFFSETS = 4_096
_DIGESTS = 2**128


class Stretches:
    """Counts records and adds up their digests, by input partition and stretch of offsets there.

    A sum of digests is the same in any order, and differs when one record does.

    Args:
        moved: by input partition, the offset before which all is moved; records from there on are passed over.
    """

    def __init__(self, moved: Mapping[int, int]) -> None:
        self._moved = moved
        self._found: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, partition: int, offset: int, record: Record, headers: Iterable[tuple[str, bytes | None]]) -> None:
        """Take in a record that lies, or lay, at a place of the input."""
        if offset >= self._moved.get(partition, 0):
            return
        entry = self._found[partition, offset // STRETCH_OFFSETS]
        entry[0] += 1
        digest = digest_of(record.key, record.value, [("", b"%d" % offset), *headers])
        entry[1] = (entry[1] + int.from_bytes(digest)) % _DIGESTS

    def compare(self, keyed: "Stretches", topic: str, findings: Findings) -> None:
        """Report the stretches of the input that differ from what the keyed topic has of them."""
        for stretch in sorted(self._found.keys() | keyed._found.keys()):
            (records, digest), (found, found_digest) = self._found[stretch], keyed._found[stretch]
            partition, first = stretch[0], stretch[1] * STRETCH_OFFSETS
            subject = f"{topic}[{partition}], offsets {first} to {first + STRETCH_OFFSETS - 1}"
            findings.compare(Check.MOVED, subject, f"{records} records", f"{found} records")
            if records == found and digest != found_digest:
                findings.add(Check.MOVED, subject, "each record once, unchanged", "others")


def check_moved(settings: Settings, findings: Findings) -> None:
    """Compare the keyed topic with the input, if records are moved to it.

    Raises:
        OperatorError: a topic can't be read.
    """
    if settings.dedup_scope == "partition":
        return
    # First how far records are moved: all of that is in the keyed topic by now, and committed.
    moved = Group(admin_client(settings), moving_group(settings.keyed_topic), settings.input_topic).offsets()
    topics = Topics(settings)
    before, after = Stretches(moved), Stretches(moved)
    for record in _whole(settings, topics, topics.ends(settings.keyed_topic)):
        headers, place = split_headers(record.headers)
        if place is None:
            findings.add(Check.MOVED, f"{settings.keyed_topic} {record.partition}@{record.offset}", "a place", "none")
        else:
            after.add(place.partition, place.offset, record, headers)
    for record in _whole(settings.model_copy(update={"dedup_scope": "partition"}), topics, moved):
        carried = carry(record.key, record.value, record.headers)
        whole = Record(0, 0, carried.key, carried.value, record.timestamp_ms)
        before.add(record.partition, record.offset, whole, carried.headers)
    before.compare(after, settings.input_topic, findings)


def _whole(settings: Settings, topics: Topics, ends: Mapping[int, int]) -> Iterable[Record]:
    """Yield the records of the topic that is counted from by these settings, up to its ends."""
    topic = settings.counted_topic
    partitions, largest = topics.partitions(topic), topics.largest_batch_bytes(topic)
    with InputReader(settings, partitions, {}, ends, largest) as reader:
        for batch in read_until(reader, ends):
            yield from (record for record in batch if record.offset < ends.get(record.partition, 0))
