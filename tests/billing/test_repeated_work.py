"""Work that is repeated begins at once, comes again, and ends with its context."""

import threading

from billing.runtime.repeated_work import RepeatedWork

DEADLINE_SECONDS = 30.0


class Counting(RepeatedWork):
    """Counts how many times it was done, and tells of the third."""

    def __init__(self, pause_seconds: float) -> None:
        super().__init__("counting", pause_seconds)
        self.times = 0
        self.third = threading.Event()

    def work(self) -> None:
        self.times += 1
        if self.times == 3:
            self.third.set()


class Waiting(RepeatedWork):
    """Waits in the middle of its work, and tells what ended that."""

    def __init__(self) -> None:
        super().__init__("waiting", 0.0)
        self.begun, self.ended = threading.Event(), threading.Event()

    def work(self) -> None:
        self.begun.set()
        if self.stopped_within(DEADLINE_SECONDS):
            self.ended.set()


def test_it_is_done_again_and_again() -> None:
    """At once, and after each pause."""
    with Counting(0.001) as counting:
        assert counting.third.wait(DEADLINE_SECONDS)


def test_leaving_ends_a_pause() -> None:
    """Nobody waits an hour for a thread."""
    before = threading.active_count()
    with Counting(3_600):
        pass
    for thread in threading.enumerate():
        if thread.name == "counting":
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive()
    assert threading.active_count() <= before


def test_leaving_ends_a_wait_in_the_middle() -> None:
    """The work learns of it."""
    with Waiting() as waiting:
        assert waiting.begun.wait(DEADLINE_SECONDS)
    assert waiting.ended.wait(DEADLINE_SECONDS)
