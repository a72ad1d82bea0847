"""Offsets are set only of what was shown, only of a group without members, and are read back."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from billing.errors import OperatorError
from qb.recover.applying import NotAppliedError, apply_offsets, delete_state
from qb.recover.conclusion import conclude
from qb.recover.facts import Facts
from qb.recover.rules import judge_all
from tests.recover.made_up import NAMES, counted, facts, partition

LOST = facts(partition(), partition(committed=None))
SHOWN = conclude(judge_all(LOST, NAMES), LOST, NAMES)


class MemoryGroup:
    """A group in memory; a deaf one sets nothing."""

    def __init__(self, is_deaf: bool = False) -> None:
        self.now = {0: 70}
        self._is_deaf = is_deaf

    def offsets(self) -> Mapping[int, int]:
        return self.now

    def set_offsets(self, offsets: Mapping[int, int]) -> None:
        if not self._is_deaf:
            self.now = {**self.now, **offsets}


def test_what_was_shown_is_set_and_read_back() -> None:
    """The offset of the partition that differs, and no other."""
    group = MemoryGroup()
    assert apply_offsets(SHOWN, lambda: LOST, NAMES, group) == group.now == {0: 70, 1: 70}


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (facts(*LOST.partitions, members=("qb-a", "qb-b")), r"has members \(qb-a, qb-b\); stop all processors"),
        (facts(partition(), partition()), "has changed meanwhile"),
        (facts(partition(), partition(committed=None, state=counted(80), published=counted(80))), "has changed"),
        (facts(partition(), partition(committed=None, state=None)), "has changed meanwhile"),
    ],
    ids=["members", "right by now", "counted on", "changelog deleted"],
)
def test_nothing_is_set_if_it_is_otherwise_by_now(later: Facts, said: str, tmp_path: Path) -> None:
    """Everything is read again right before; State stays, too."""
    group = MemoryGroup()
    with pytest.raises(NotAppliedError, match=f"nothing was set.*{said}"):
        apply_offsets(SHOWN, lambda: later, NAMES, group, [tmp_path])
    assert group.now == {0: 70}
    assert tmp_path.exists()


def test_state_goes_before_the_offsets_are_set(tmp_path: Path) -> None:
    """A processor that starts in between finds the offsets as wrong as before; if a folder stays, nothing is set."""
    folder, group = tmp_path / "a", MemoryGroup()
    folder.mkdir()
    apply_offsets(SHOWN, lambda: LOST, NAMES, group, [folder])
    assert not folder.exists()
    untouched = MemoryGroup()
    with pytest.raises(OperatorError, match="can't be deleted"):
        apply_offsets(SHOWN, lambda: LOST, NAMES, untouched, [folder])
    assert untouched.now == {0: 70}


def test_offsets_that_did_not_arrive_are_told() -> None:
    """A broker that says yes and does nothing is not believed."""
    with pytest.raises(NotAppliedError, match=r"does not have what was set, but \{1: None\}"):
        apply_offsets(SHOWN, lambda: LOST, NAMES, MemoryGroup(is_deaf=True))


def test_folders_are_deleted_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    """What is beside them stays."""
    for name in ("a/billing", "a/other"):
        (tmp_path / name).mkdir(parents=True)
    delete_state([tmp_path / "a/billing"])
    assert (tmp_path / "a/other").exists()
    with pytest.raises(OperatorError, match=r"a/billing can't be deleted: .*delete it by hand"):
        delete_state([tmp_path / "a/billing"])
