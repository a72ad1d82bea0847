"""What is known of an input partition from look to look."""

import logging

import pytest

from billing.runtime.partition_bounds import Bounds
from billing.subtotal import Progress
from invoicer.due import ClosingRule, Decision, DueState, PartitionState, decide
from invoicer.input_watch import InputWatch
from invoicer.months import tell_what_holds_up
from invoicer.moving_watch import MovingWatch

IDLE_AFTER_MS = 900_000


class FakeTopic:
    """An input topic of one partition, to which others may be added."""

    def __init__(self) -> None:
        self.log = Bounds(0, 0)
        self.may_be_asked = False
        self.asked: list[tuple[int, Bounds]] = []

        self.added: dict[int, Bounds] = {}

    def logs(self) -> dict[int, Bounds]:
        return {0: self.log, **self.added}

    def holds_record(self, partition: int, stretch: Bounds) -> bool:
        assert self.may_be_asked
        self.asked.append((partition, stretch))
        return False


class World:
    """A watch on a topic of one partition."""

    def __init__(self) -> None:
        self.topic = FakeTopic()
        self.watch = InputWatch(self.topic, IDLE_AFTER_MS)

    def state(self, progress: Progress | None, start: int, end: int, wall_ms: int) -> PartitionState:
        """Observe the partition."""
        self.topic.log = Bounds(start, end)
        (found,) = self.watch.observe({0: progress} if progress else {}, wall_ms)
        return found


def test_a_partition_without_progress_is_read_if_it_is_empty() -> None:
    """Empty from the start, or emptied by retention."""
    world = World()
    assert world.state(None, 0, 0, 5).read_to_end
    assert world.state(None, 7, 7, 5).read_to_end
    assert not world.state(None, 0, 1, 5).read_to_end


def test_a_busy_partition_counts_as_read_up_to_the_last_look() -> None:
    """Its end is always ahead; but what it held at the last look has been counted."""
    world = World()
    assert not world.state(Progress(next_offset=90, accepted=1, committed_ms=0), 0, 100, 1).read_to_end
    assert not world.state(Progress(next_offset=99, accepted=2, committed_ms=1), 0, 200, 2).read_to_end
    assert world.state(Progress(next_offset=200, accepted=3, committed_ms=2), 0, 300, 3).read_to_end


def test_silence_counts_from_the_last_billed_event() -> None:
    """Rejected records do not break it: their commits bill nothing."""
    world = World()
    assert world.state(Progress(next_offset=1, accepted=1, committed_ms=1_000), 0, 1, 5_000).silent_ms == 4_000
    rejected = Progress(next_offset=2, accepted=1, rejected={"malformed": 1}, committed_ms=6_000)
    assert world.state(rejected, 0, 2, 7_000).silent_ms == 6_000
    assert world.state(Progress(next_offset=3, accepted=2, committed_ms=8_000), 0, 3, 8_500).silent_ms == 500


def test_a_silent_partition_with_something_at_its_end_is_looked_into() -> None:
    """A marker of a producer's transaction is no record, so such a partition is read."""
    world = World()
    world.topic.may_be_asked = True
    progress = Progress(next_offset=9, accepted=9, committed_ms=0)
    assert not world.state(progress, 0, 10, IDLE_AFTER_MS - 1).read_to_end
    assert world.state(progress, 0, 10, IDLE_AFTER_MS).read_to_end
    assert world.topic.asked == [(0, Bounds(9, 10))]


def test_a_month_waits_for_what_lies_uncounted_in_an_added_partition() -> None:
    """The first partition is past the month; one that is added holds it up from its first record until that counts."""
    topic, rule = FakeTopic(), ClosingRule(out_of_orderness_ms=0, grace_ms=0, idle_after_ms=IDLE_AFTER_MS)
    watch, month_end_ms, wall_ms = InputWatch(topic, IDLE_AFTER_MS), 1_000, 10 * IDLE_AFTER_MS
    topic.log = Bounds(0, 1)
    counted = {0: Progress(next_offset=1, accepted=1, watermark_ms=month_end_ms, committed_ms=0)}

    def state() -> tuple[DueState, tuple[int, ...]]:
        decision = decide(month_end_ms, watch.observe(counted, wall_ms), 0, rule)
        return decision.state, decision.held_up_by

    assert state() == (DueState.DUE, ())
    topic.added = {1: Bounds(0, 0)}
    assert state() == (DueState.DUE, ())
    topic.added = {1: Bounds(0, 1)}
    assert state() == (DueState.HELD_UP, (1,))
    counted[1] = Progress(next_offset=1, accepted=1, watermark_ms=month_end_ms - 1, committed_ms=wall_ms)
    assert state() == (DueState.HELD_UP, (1,))
    topic.added = {1: Bounds(0, 2)}
    counted[1] = Progress(next_offset=2, accepted=2, watermark_ms=month_end_ms, committed_ms=wall_ms)
    assert state() == (DueState.DUE, ())


def test_what_waits_to_be_moved_holds_up_every_month() -> None:
    """An input partition is idle once it is moved up to where it was, and holds up all months until then."""
    topic, moved, rule = FakeTopic(), dict[int, int](), ClosingRule(0, 0, IDLE_AFTER_MS)
    moving = MovingWatch(topic, lambda: moved)
    topic.log, topic.may_be_asked = Bounds(0, 100), True
    passed = PartitionState(0, 10_000, read_to_end=False, silent_ms=0)

    def decision() -> Decision:
        return decide(1_000, [passed, *moving.observe()], 5_000, rule)

    assert decision() == Decision(DueState.HELD_UP, (), unmoved=(0,))
    moved[0] = 100
    assert decision() == Decision(DueState.DUE)
    topic.log = Bounds(0, 150)
    assert decision() == Decision(DueState.DUE), "all that was there a moment ago is moved"
    topic.added[1] = Bounds(0, 1)
    assert decision() == Decision(DueState.HELD_UP, (), unmoved=(1,))
    moved |= {0: 150, 1: 1}
    assert decision() == Decision(DueState.DUE)


def test_the_log_names_what_holds_a_month_up(caplog: pytest.LogCaptureFixture) -> None:
    """Partitions that are counted and those whose records are moved first have the same numbers, and other names."""
    states = [PartitionState(0, 0, False, 0), PartitionState(0, 0, False, 0, is_moved=True)]
    decision = decide(1_000, states, 5_000, ClosingRule(0, 0, 0))
    assert decision == Decision(DueState.HELD_UP, (0,), (0,))
    with caplog.at_level(logging.INFO):
        tell_what_holds_up("2025-01", decision)
        tell_what_holds_up("2025-02", Decision(DueState.HELD_UP, (1, 3)))
    assert "month is held up month=2025-01 input_partitions=0" in caplog.text
    assert "month is held up by records to be moved month=2025-01 unmoved_partitions=0" in caplog.text
    assert "month is held up month=2025-02 input_partitions=1,3" in caplog.text
    assert len(caplog.messages) == 3
