"""The demo's folder: one demo at a time, what is remembered, and what --fresh may delete."""

from pathlib import Path

import pytest

from billing.errors import OperatorError
from qb.demo.folder import Memory, take_folder

MEMORY = Memory("somewhere:9092", 1_483_228_800_123, running=True)


def test_a_new_folder_remembers_nothing(tmp_path: Path) -> None:
    """It is made with its parents."""
    with take_folder(tmp_path / "new" / "demo", fresh=False) as folder:
        assert folder.recall() == Memory()
        assert folder.logs.is_dir()


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    """By the next demo in the folder."""
    with take_folder(tmp_path, fresh=False) as folder:
        folder.remember(MEMORY)
    with take_folder(tmp_path, fresh=False) as folder:
        assert folder.recall() == MEMORY


def test_a_second_demo_is_refused(tmp_path: Path) -> None:
    """In one line that names the folder and the way out, before anything of the first is touched."""
    with take_folder(tmp_path, fresh=False) as folder:
        folder.remember(MEMORY)
        with pytest.raises(OperatorError, match=r"runs in .* already, as process \d+: .*--dir"):
            take_folder(tmp_path, fresh=True).__enter__()
        assert folder.recall() == MEMORY


def test_fresh_forgets_what_the_demo_made_and_nothing_else(tmp_path: Path) -> None:
    """A file that somebody put beside it stays; a link is removed, not what it leads to."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    home = tmp_path / "demo"
    with take_folder(home, fresh=False) as folder:
        folder.remember(MEMORY)
    for name in ("kafka", "state"):
        (home / name / "deep").mkdir(parents=True)
    (home / "invoices").symlink_to(elsewhere)
    (home / "notes.txt").write_text("mine")

    with take_folder(home, fresh=True) as folder:
        assert folder.recall() == Memory()
        left = {entry.name for entry in home.iterdir()}
    assert left == {"demo.lock", "logs", "notes.txt"}
    assert (elsewhere / "kept").exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_other_things_is_refused(tmp_path: Path, fresh: bool) -> None:
    """And left as it is, even where its names are those that a demo uses."""
    for name in ("invoices", "state"):
        (tmp_path / name).mkdir()
    with pytest.raises(OperatorError, match=r"is not a demo's folder: it holds invoices and no demo\.json"):
        take_folder(tmp_path, fresh).__enter__()
    assert {entry.name for entry in tmp_path.iterdir()} == {"invoices", "state"}


@pytest.mark.parametrize("fresh", [False, True])
def test_the_folder_of_a_broker_started_by_hand_will_do(tmp_path: Path, fresh: bool) -> None:
    """`qb broker` keeps its data in the same place; that was not made by a demo, so it stays."""
    (tmp_path / "kafka").mkdir()
    with take_folder(tmp_path, fresh) as folder:
        assert folder.recall() == Memory()
    assert (tmp_path / "kafka").exists()


def test_a_demo_that_was_refused_leaves_a_folder_that_will_do(tmp_path: Path) -> None:
    """After a taken port the next try must not stumble over the first."""
    for _ in range(2):
        with take_folder(tmp_path, fresh=False):
            pass


@pytest.mark.parametrize("text", ["", "[]", '{"unknown": 1}', '{"reached_ms": "soon"}', "\ufffd{"])
def test_a_spoilt_memory_is_said_in_a_line(tmp_path: Path, text: str) -> None:
    """Not in a traceback; --fresh gets rid of it."""
    (tmp_path / "demo.json").write_text(text)
    with take_folder(tmp_path, fresh=False) as folder, pytest.raises(OperatorError, match=r"demo\.json.*--fresh"):
        folder.recall()
    with take_folder(tmp_path, fresh=True) as folder:
        assert folder.recall() == Memory()


def test_a_file_in_the_folder_s_place_is_said_in_a_line(tmp_path: Path) -> None:
    """Whatever the system calls it."""
    (tmp_path / "demo").touch()
    with pytest.raises(OperatorError, match=r"cannot use .*demo: Not a directory; choose another folder with --dir"):
        take_folder(tmp_path / "demo", fresh=False).__enter__()
