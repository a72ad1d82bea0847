"""Careful runs fetch one batch at a time, let one commit pass at least, and end; others may unpack little."""

import pytest

from processor import care
from processor.care import CAREFUL, CarefulLongEnoughError, CarefulRun, swift


def test_a_careful_run_ends_after_its_time_but_not_before_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time begins at its first commit, so that each careful run gets on."""
    now, asked = [1_000.0], []
    monkeypatch.setattr("processor.care.time.monotonic", lambda: now[0])
    run = CarefulRun(lambda: asked.append(now[0]))
    run()
    now[0] += care.CAREFUL_SECONDS
    run()
    now[0] += 0.1
    with pytest.raises(CarefulLongEnoughError):
        run()
    assert len(asked) == 3, "what else may forbid a commit is asked each time"


@pytest.mark.parametrize("largest", [1_048_588, 50_000_000])
def test_what_a_topic_takes_can_be_received(largest: int) -> None:
    """A batch as large as the topic allows is received as it was sent; packed, it may unpack to little more."""
    options = swift(largest)
    received, fetched = options["receive.message.max.bytes"], options["fetch.max.bytes"]
    assert isinstance(received, int)
    assert isinstance(fetched, int)
    assert largest <= fetched < received < int(str(CAREFUL["receive.message.max.bytes"]))
