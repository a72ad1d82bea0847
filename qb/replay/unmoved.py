"""The input records that wait to be moved by customer: with `dedup_scope: topic` nobody counts them before that."""

from collections.abc import Iterator, Mapping

from billing.runtime.native.block import PartitionRecords
from billing.settings import Settings
from billing.topics import moved_topic
from processor.moving.bookmarks import decode_bookmark, decode_bookmark_key
from qb.explain.input import InputScan
from qb.explain.reading_display import ReadingDisplay
from qb.explain.topics import TopicScan
from qb.reading.topics import Topics


class UnmovedInput:
    """The input, from where it was moved up to when this was made. Make it before the keyed topic is read.

    So each record is found at least once: in the keyed topic, or here. What is moved meanwhile may be found twice.

    Args:
        settings: where the broker is, and the topics. Without `dedup_scope: topic` no record waits.
        topics: where they begin and end.
        display: told of what is read, and looks whether to stop.

    Raises:
        MovedRecordError: what tells how far the input is moved cannot be read.
        StoppedError: somebody asked to stop.
        KafkaException: the broker refuses.
    """

    def __init__(self, settings: Settings, topics: Topics, display: ReadingDisplay) -> None:
        self._is_moved = settings.dedup_scope == "topic"
        # The topic that is counted from by these settings is the input.
        self._settings = settings.model_copy(update={"dedup_scope": "partition"})
        self._topics, self._display = topics, display
        self._moved = moved_offsets(settings, topics, display) if self._is_moved else {}

    def records(self) -> Iterator[PartitionRecords]:
        """Yield what waits, and perhaps some records more, those of a partition in their order.

        Records have to be used before the next ones are asked for.

        Raises:
            OperatorError: nothing more comes, though the end has not been reached.
            StoppedError: somebody asked to stop.
            KafkaException: the broker refuses.
        """
        if not self._is_moved:
            return
        topic = self._settings.input_topic
        partitions, ends = self._topics.wanted(topic), self._topics.ends(topic)
        starts = {partition: max(start, self._moved.get(partition, 0)) for partition, start in self._starts().items()}
        self._display.begin(starts, ends)
        for block in InputScan(self._settings, partitions, ends, self._display, starts).blocks():
            yield from block.by_partition()

    def _starts(self) -> Mapping[int, int]:
        return self._topics.starts(self._settings.input_topic)


def moved_offsets(settings: Settings, topics: Topics, display: ReadingDisplay) -> dict[int, int]:
    """Return, by input partition, the offset before which all records are moved, and committed in the keyed topic."""
    found: dict[int, int] = {}
    with TopicScan(settings, topics, moved_topic(settings.keyed_topic), display) as scan:
        for block in scan.to_now():
            for index in range(len(block)):
                topic, partition = decode_bookmark_key(block.key(index))
                if topic == settings.input_topic and (value := block.value(index)) is not None:
                    found[partition] = decode_bookmark(value).next_offset
    return found
