"""What is known of an input partition from look to look."""

from billing.subtotal import Progress
from invoicer.due import PartitionState
from invoicer.input_watch import Bounds, InputWatch

IDLE_AFTER_MS = 900_000


def never_asked(partition: int, offset: int) -> bool:
    """Stand for a probe that must not be needed."""
    raise AssertionError(f"asked for partition {partition} from {offset}")


def state(watch: InputWatch, progress: Progress | None, start: int, end: int, wall_ms: int) -> PartitionState:
    """Look at a topic of one partition."""
    (found,) = watch.observe({0: progress} if progress else {}, {0: Bounds(start, end)}, wall_ms)
    return found


def test_a_partition_without_progress_is_read_if_it_is_empty() -> None:
    """Empty from the start, or emptied by retention."""
    watch = InputWatch(never_asked, IDLE_AFTER_MS)
    assert state(watch, None, 0, 0, 5).read_to_end
    assert state(watch, None, 7, 7, 5).read_to_end
    assert not state(watch, None, 0, 1, 5).read_to_end


def test_a_busy_partition_counts_as_read_up_to_the_last_look() -> None:
    """Its end is always ahead; but what it held at the last look has been counted."""
    watch = InputWatch(never_asked, IDLE_AFTER_MS)
    assert not state(watch, Progress(next_offset=90, accepted=1, committed_ms=0), 0, 100, 1).read_to_end
    assert not state(watch, Progress(next_offset=99, accepted=2, committed_ms=1), 0, 200, 2).read_to_end
    assert state(watch, Progress(next_offset=200, accepted=3, committed_ms=2), 0, 300, 3).read_to_end


def test_silence_counts_from_the_last_billed_event() -> None:
    """Rejected records do not break it: their commits bill nothing."""
    watch = InputWatch(never_asked, IDLE_AFTER_MS)
    assert state(watch, Progress(next_offset=1, accepted=1, committed_ms=1_000), 0, 1, 5_000).silent_ms == 4_000
    rejected = Progress(next_offset=2, accepted=1, rejected={"malformed": 1}, committed_ms=6_000)
    assert state(watch, rejected, 0, 2, 7_000).silent_ms == 6_000
    assert state(watch, Progress(next_offset=3, accepted=2, committed_ms=8_000), 0, 3, 8_500).silent_ms == 500


def test_a_silent_partition_with_something_at_its_end_is_looked_into() -> None:
    """A marker of a producer's transaction is no record, so such a partition is read."""
    asked: list[tuple[int, int]] = []

    def holds_no_record(partition: int, offset: int) -> bool:
        asked.append((partition, offset))
        return False

    watch = InputWatch(holds_no_record, IDLE_AFTER_MS)
    progress = Progress(next_offset=9, accepted=9, committed_ms=0)
    assert not state(watch, progress, 0, 10, IDLE_AFTER_MS - 1).read_to_end
    assert state(watch, progress, 0, 10, IDLE_AFTER_MS).read_to_end
    assert asked == [(0, 9)]
