"""Instances by number: a process that comes back has its name and State again, and no two have the same."""

import multiprocessing
from contextlib import ExitStack
from pathlib import Path

import pytest

from billing.errors import OperatorError
from billing.runtime.claimed_instance import claimed_instance
from billing.settings import Settings


def settings(folder: Path, instance: str = "processor-*") -> Settings:
    return Settings(state_dir=folder, instance=instance)


def test_each_takes_the_first_free_number(tmp_path: Path) -> None:
    """One that leaves frees its own, and the next takes it, with all that lies in its folder."""
    with ExitStack() as stack:
        taken = [stack.enter_context(claimed_instance(settings(tmp_path))).instance for _ in range(2)]
        with claimed_instance(settings(tmp_path)) as third:
            (tmp_path / third.instance / "state").write_text("kept")
        with claimed_instance(settings(tmp_path)) as again:
            assert (tmp_path / again.instance / "state").read_text() == "kept"
    assert [*taken, third.instance, again.instance] == ["processor-0", "processor-1", "processor-2", "processor-2"]


def _claim(folder: Path, sender: "multiprocessing.connection.Connection") -> None:
    with claimed_instance(settings(folder)) as claimed:
        sender.send(claimed.instance)
        sender.recv()


def test_a_killed_process_frees_its_number(tmp_path: Path) -> None:
    """The lock ends with its holder, however that one dies."""
    ours, theirs = multiprocessing.Pipe()
    holder = multiprocessing.get_context("spawn").Process(target=_claim, args=(tmp_path, theirs))
    holder.start()
    assert ours.poll(60)
    assert ours.recv() == "processor-0"
    with claimed_instance(settings(tmp_path)) as second:
        assert second.instance == "processor-1"
    holder.kill()
    holder.join(30)
    with claimed_instance(settings(tmp_path)) as first:
        assert first.instance == "processor-0"


def test_a_name_of_its_own_is_kept(tmp_path: Path) -> None:
    """Whoever names instances by hand goes on as before."""
    with claimed_instance(settings(tmp_path, "a")) as claimed:
        assert claimed.instance == "a"


@pytest.mark.parametrize("instance", ["a", "a-*"])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, instance: str) -> None:
    """At once, before anything is asked of Kafka."""
    (tmp_path / "state").write_text("a file")
    with (
        pytest.raises(OperatorError, match=r"^state_dir .*state cannot be written: .*; make it writable"),
        claimed_instance(settings(tmp_path / "state", instance)),
    ):
        pass
