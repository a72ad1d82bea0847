"""The input is read up to the offsets asked for: careful for a while after a batch is refused."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException

from billing.runtime.fetching import CAREFUL_SECONDS, UnpackedTooMuchError
from billing.runtime.native.block import RecordBlock
from billing.settings import Settings
from qb.explain import input as explain_input
from qb.explain.input import InputScan
from qb.explain.reading_display import ReadingDisplay
from tests.explain.made_up import MadeUpBlock

LIMIT = "queued.min.messages"
Step = list[tuple[int, int]] | tuple[int, int] | int
"""What a poll does: return records at (partition, offset), refuse the batch there, or fail with another code."""


class Readers:
    """Stands in for BlockReader: each poll takes the next step; keeps what each reader was made with."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.starts: list[dict[int, int]] = []
        self.is_careful: list[bool] = []

    def __call__(
        self, _: Settings, topic: str, __: int, natively: bool, start_offsets: Mapping[int, int],
        fetching: Mapping[str, object],
    ) -> "FakeReader":  # fmt: skip
        self.starts.append(dict(start_offsets))
        self.is_careful.append(LIMIT in fetching)
        return FakeReader(self, start_offsets)


class FakeReader:
    topic = "in"

    def __init__(self, readers: Readers, starts: Mapping[int, int]) -> None:
        self._readers = readers
        self.next_offsets = {partition: max(0, offset) for partition, offset in starts.items()}
        self.fault_place: tuple[int, int] | None = None

    def __enter__(self) -> "FakeReader":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextmanager
    def lent(self) -> Iterator[RecordBlock]:
        yield self._poll()

    def _poll(self) -> RecordBlock:
        step = self._readers.steps.pop(0)
        if isinstance(step, list):
            self.next_offsets |= {partition: offset + 1 for partition, offset in step}
            return MadeUpBlock([b""] * len(step), [place[0] for place in step], [place[1] for place in step])
        if isinstance(step, tuple):
            self.fault_place = step
        raise KafkaException(KafkaError(KafkaError._BAD_COMPRESSION if isinstance(step, tuple) else step))


def read(monkeypatch: pytest.MonkeyPatch, steps: list[Step], ends: Mapping[int, int], *times: float) -> Readers:
    readers, clock = Readers(steps), iter([*times, *[1e9] * 100])
    monkeypatch.setattr(explain_input, "BlockReader", readers)
    with ReadingDisplay() as display:
        for _ in InputScan(Settings(), 3, ends, display, clock=lambda: next(clock)).blocks():
            pass
    return readers


def test_it_ends_where_all_ends_are_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions that nothing is wanted of are not read."""
    readers = read(monkeypatch, [[(0, 0), (1, 0)], [], [(0, 1)], [(1, 7)], [(0, 9)]], {0: 2, 1: 8})
    assert readers.starts == [{0: OFFSET_BEGINNING, 1: OFFSET_BEGINNING, 2: OFFSET_END}]
    assert readers.steps == [[(0, 9)]]


def test_nothing_is_read_where_nothing_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is made for it."""
    assert read(monkeypatch, [], {0: 0}).starts == []


def test_a_refused_batch_is_read_by_itself_and_then_much_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reader goes on where the one before it stopped."""
    steps: list[Step] = [[(0, 3), (1, 4)], (0, 6), [(0, 6)], [(0, 7), (1, 5)]]
    readers = read(monkeypatch, steps, {0: 8, 1: 5}, 0.0, 1.0, CAREFUL_SECONDS + 1)
    assert readers.is_careful == [False, True, False]
    assert [starts[0] for starts in readers.starts] == [OFFSET_BEGINNING, 6, 7]
    assert readers.starts[1][1] == OFFSET_END


def test_a_batch_that_is_refused_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its place; beyond the end it is nothing to anybody."""
    with pytest.raises(UnpackedTooMuchError, match=r"\[0\]: the batch at offset 1 "):
        read(monkeypatch, [[(0, 0)], (0, 1), (0, 1)], {0: 2}, 0.0, 0.0)
    read(monkeypatch, [[(0, 1)], (0, 2), (0, 2), [(1, 0)]], {0: 2, 1: 1}, *[0.0] * 9)


def test_another_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the operator's."""
    with pytest.raises(KafkaException):
        read(monkeypatch, [KafkaError.TOPIC_AUTHORIZATION_FAILED], {0: 1})
