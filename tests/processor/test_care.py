"""Careful runs let one commit pass at least, and end."""

import pytest

from billing.runtime.fetching import CAREFUL_SECONDS
from processor.care import CarefulLongEnoughError, CarefulRun


def test_a_careful_run_ends_after_its_time_but_not_before_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time begins at its first commit, so that each careful run gets on."""
    now, asked = [1_000.0], []
    monkeypatch.setattr("processor.care.time.monotonic", lambda: now[0])
    run = CarefulRun(lambda: asked.append(now[0]))
    run()
    now[0] += CAREFUL_SECONDS
    run()
    now[0] += 0.1
    with pytest.raises(CarefulLongEnoughError):
        run()
    assert len(asked) == 3, "what else may forbid a commit is asked each time"
