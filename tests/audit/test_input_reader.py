"""The audit's reader of the input: careful for a while after a batch is refused, and only about what it needs."""

from collections.abc import Mapping

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException

from billing.runtime.fetching import CAREFUL_SECONDS, UnpackedTooMuchError
from billing.runtime.topic_reader import Record
from billing.settings import Settings
from qb.audit import input_reader
from qb.audit.input_reader import InputReader

LIMIT = "receive.message.max.bytes"
FIRST = OFFSET_BEGINNING
SETTINGS = Settings()
Step = list[Record] | tuple[int, int] | int
"""What a poll does: return records, refuse the batch at (partition, offset), or fail with another code."""


class Readers:
    """Stands in for TopicReader: each poll takes the next step; keeps what each reader was made with."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.starts: list[dict[int, int]] = []
        self.limits: list[object] = []

    def __call__(
        self, _: Settings, topic: str, partitions: int, starts: Mapping[int, int], fetching: Mapping[str, object]
    ) -> "FakeReader":
        self.starts.append(dict(starts))
        self.limits.append(fetching[LIMIT])
        return FakeReader(self, starts)


class FakeReader:
    def __init__(self, readers: Readers, starts: Mapping[int, int]) -> None:
        self._readers = readers
        self.next_offsets = {partition: max(0, offset) for partition, offset in starts.items()}
        self.fault_place: tuple[int, int] | None = None

    def poll(self) -> list[Record]:
        step = self._readers.steps.pop(0)
        if isinstance(step, list):
            self.next_offsets |= {record.partition: record.offset + 1 for record in step}
            return step
        if isinstance(step, tuple):
            self.fault_place = step
        raise KafkaException(KafkaError(KafkaError._BAD_COMPRESSION if isinstance(step, tuple) else step))

    def close(self) -> None:
        pass


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Readers:
    readers = Readers()
    monkeypatch.setattr(input_reader, "TopicReader", readers)
    return readers


def reader_of(ends: Mapping[int, int], clock: Clock | None = None) -> InputReader:
    return InputReader(SETTINGS, 2, {0: 0, 1: 0}, ends, 1_048_588, clock or Clock())


def record(partition: int, offset: int) -> Record:
    return Record(partition, offset, None, b"", 0)


def test_it_reads_carefully_from_where_it_was_and_fast_again_later(readers: Readers) -> None:
    """Nothing is left out, and nothing read twice."""
    clock = Clock()
    reader = reader_of({0: 9, 1: 9}, clock)
    readers.steps = [[record(0, 3)], (0, 4), [record(0, 4)], [record(0, 5)]]
    assert [len(reader.poll()) for _ in range(3)] == [1, 0, 1]
    clock.now += CAREFUL_SECONDS + 0.1
    assert len(reader.poll()) == 1
    assert readers.starts == [{0: FIRST, 1: FIRST}, {0: 4, 1: FIRST}, {0: 5, 1: FIRST}]
    fast, careful, fast_again = readers.limits
    assert fast == fast_again
    assert careful == SETTINGS.unpacked_bytes
    assert reader.next_offsets == {0: 6, 1: 0}


def test_a_batch_that_is_refused_even_so_is_told_with_its_place(readers: Readers) -> None:
    """Twice refused: too large or damaged."""
    reader = reader_of({0: 9, 1: 9})
    readers.steps = [(1, 4), (1, 4)]
    assert reader.poll() == []
    with pytest.raises(UnpackedTooMuchError, match=r"\[1\]: the batch at offset 4 "):
        reader.poll()


def test_one_behind_the_end_is_nothing_to_the_audit(readers: Readers) -> None:
    """The partition is done, and the others are read on."""
    reader = reader_of({0: 9, 1: 4})
    readers.steps = [(1, 4), (1, 4), [record(0, 8)]]
    assert [len(reader.poll()) for _ in range(3)] == [0, 0, 1]
    assert readers.starts[-1] == {0: FIRST, 1: OFFSET_END}
    assert reader.next_offsets == {0: 9, 1: 4}


def test_another_error_is_raised_as_it_is(readers: Readers) -> None:
    """It has nothing to do with packing."""
    readers.steps = [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    with pytest.raises(KafkaException):
        reader_of({0: 9}).poll()
