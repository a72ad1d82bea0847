"""State without a log: a kill leaves it whole up to one offset, a stop leaves all of it, on any file system."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from quixstreams.state.rocksdb.partition import RocksDBStorePartition
from rocksdict import WriteBatch

from processor.state_log import takes_direct_writes, write_unlogged
from processor.state_options import LEAST_BUFFER_BYTES, state_options
from tests.pipeline import wait_until

pytestmark = pytest.mark.timeout(120)

KEYS = 7
# So many fill a buffer.
FILLER = bytes(LEAST_BUFFER_BYTES // 20)
KILLS = 6


def opened(folder: Path) -> Any:
    """A store as the processor has it, of one partition among so many that its buffers are as small as can be."""
    store = RocksDBStorePartition(str(folder / "0"), options=state_options(LEAST_BUFFER_BYTES, 64, folder))
    write_unlogged(store._db)
    return store


def key(offset: int) -> bytes:
    return b"key-%d" % (offset % KEYS)


def write_from(folder: Path, offset: int, count: int) -> None:
    """Write records from an offset on, each in a step with its offset as a commit does, and tell how far it is."""
    store = opened(folder)
    for at in range(offset, offset + count):
        batch = WriteBatch(raw_mode=True)
        batch.put(key(at), b"%d|" % at + FILLER, store.get_column_family_handle("default"))
        store._update_changelog_offset(batch, at)
        store._write(batch)
        print(at, flush=True)
    store.close()


@contextmanager
def writing(folder: Path, offset: int, count: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that writes so many records; it is killed if it still does in the end."""
    command = [sys.executable, "-m", __name__, str(folder), str(offset), str(count)]
    with log.open("wb") as told, subprocess.Popen(command, stdout=told, cwd=Path(__file__).parents[2]) as process:
        try:
            yield process
        finally:
            process.kill()


def newest(log: Path) -> int:
    """The offset of the newest record that the writer says it has written."""
    whole = log.read_bytes().rpartition(b"\n")[0]
    return int(whole.rpartition(b"\n")[2] or -1)


def found(folder: Path) -> tuple[int, list[int]]:
    """The offset that State says it holds, and the offsets of the records in it, by key."""
    store = opened(folder)
    family = store.get_or_create_column_family("default")
    values: Sequence[bytes | None] = family.get([key(number) for number in range(KEYS)])
    told = store.get_changelog_offset()
    store.close()
    return told, [-1 if value is None else int(value.partition(b"|")[0]) for value in values]


def bytes_in(folder: Path) -> int:
    """What the files in a folder take, while RocksDB may be deleting some."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size if path.is_file() else 0
    return size


def held_at(offset: int) -> list[int]:
    """The offsets of the records, by key, when all up to an offset are written."""
    return [-1 if offset < number else offset - (offset - number) % KEYS for number in range(KEYS)]


def test_a_kill_leaves_state_whole_up_to_an_offset(tmp_path: Path) -> None:
    """It is behind by its buffers; what it holds and the offset that it is restored from belong together."""
    log, offset, lost = tmp_path / "told", -1, 0
    for number in range(KILLS):
        # Not where a buffer has just been written out.
        wanted = offset + 60 + 37 * number

        def has_come(wanted: int = wanted) -> bool:
            return newest(log) >= wanted

        with writing(tmp_path / "state", offset + 1, 10**9, log):
            wait_until(has_come, what=f"offset {wanted} written")
        told, held = found(tmp_path / "state")
        assert held == held_at(told)
        assert offset < told, "buffers were written out"
        lost += newest(log) - told
        offset = told
    assert lost > 0, "there were buffers to lose"


def test_a_stop_leaves_all_of_it(tmp_path: Path) -> None:
    """What is in the buffers is written out as the store is closed, though there is no log to find it in."""
    with writing(tmp_path / "state", 0, 30, tmp_path / "told") as process:
        assert process.wait(60) == 0
    assert found(tmp_path / "state") == (29, held_at(29))
    assert [path.stat().st_size for path in (tmp_path / "state" / "0").glob("*.log")] == [0]


@pytest.mark.parametrize("refuses", [True, False])
def test_where_files_cannot_be_written_directly_the_cache_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: bool
) -> None:
    """As on a file system that knows no O_DIRECT: asked for it all the same, RocksDB would refuse to open State."""
    if refuses:
        plain_open = os.open

        def refusing(path: Any, flags: int, *more: Any, **options: Any) -> int:
            if flags & os.O_DIRECT:
                raise OSError(22, "Invalid argument")
            return plain_open(path, flags, *more, **options)

        monkeypatch.setattr(os, "open", refusing)
        assert not takes_direct_writes(tmp_path / "state")
    assert state_options(LEAST_BUFFER_BYTES, 1, tmp_path / "state").writes_directly is takes_direct_writes(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["state"], "nothing is left of the try"
    write_from(tmp_path / "state", 0, 100)
    assert found(tmp_path / "state") == (99, held_at(99))


def test_days_that_are_deleted_give_their_disk_back(tmp_path: Path) -> None:
    """Large values lie in files that are not merged: a file goes with the last of what it holds."""
    window, days, chunks, chunk = 5, 40, 40, bytes(27_000)
    store, sizes = opened(tmp_path / "state"), []
    family = store.get_column_family_handle("default")
    for day in range(days):
        for number in range(chunks):
            batch = WriteBatch(raw_mode=True)
            batch.put(b"ids|0|%d|%d" % (day, number), os.urandom(100) + chunk, family)
            # A record of sums beside it, as each commit has.
            batch.put(b"customer|%d" % number, os.urandom(200), family)
            store._write(batch)
        batch = WriteBatch(raw_mode=True)
        for number in range(chunks):
            batch.delete(b"ids|0|%d|%d" % (day - window, number), family)
        store._write(batch)
        sizes.append(bytes_in(tmp_path / "state"))
    store.close()
    in_window = window * chunks * len(chunk)
    assert in_window / 2 < max(sizes[days // 2 :]) < 3 * in_window
    assert max(sizes[-10:]) < 1.5 * max(sizes[10:20]), "it is level"


def test_a_folder_that_cannot_be_written_takes_no_direct_writes(tmp_path: Path) -> None:
    """Who opens State there will tell what is wrong with it."""
    (tmp_path / "state").write_text("a file", "utf-8")
    assert not takes_direct_writes(tmp_path / "state")


if __name__ == "__main__":
    write_from(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
