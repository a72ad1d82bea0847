"""Compiled kernels are kept, found again, and not taken for those of other sources."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from billing.runtime.native import compiled


def fill(folder: Path) -> Path:
    """A folder as Numba leaves it."""
    (folder / "kernel_1").mkdir(parents=True)
    (folder / "kernel_1" / "parse.nbi").write_bytes(b"index")
    return folder


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Where kernels may be kept: two folders of this test."""
    found = [tmp_path / "beside", tmp_path / "user"]
    monkeypatch.setattr(compiled, "cache_folders", lambda: found)
    return [folder / f"kernels-{compiled.digest()}" for folder in found]


def forbid_writing(monkeypatch: pytest.MonkeyPatch, *forbidden: Path) -> None:
    """Whoever runs the tests may write anywhere, so that it may not is only said."""
    may_write = compiled._is_writable
    monkeypatch.setattr(compiled, "_is_writable", lambda folder: folder not in forbidden and may_write(folder))


def test_kernels_are_kept_beside_the_sources(folders: list[Path]) -> None:
    """The first folder is the best."""
    assert compiled._choose() == folders[0]


def test_kernels_that_are_there_are_used_where_they_are(folders: list[Path]) -> None:
    """Even if a better place is empty."""
    assert compiled._choose() == folders[0]
    fill(folders[1])
    assert compiled._choose() == folders[1]


def test_kernels_of_a_folder_that_may_not_be_written_are_copied(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To one that lasts, or to one of this process alone."""
    fill(folders[0])
    forbid_writing(monkeypatch, folders[0])
    assert compiled._choose() == folders[1]
    assert (folders[1] / "kernel_1" / "parse.nbi").read_bytes() == b"index"


def test_without_a_folder_that_lasts_kernels_are_copied_for_this_process(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And without any, each start compiles."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    forbid_writing(monkeypatch, *folders)
    assert compiled._choose() is None
    fill(folders[0])
    chosen = compiled._choose()
    assert chosen is not None
    assert chosen.parent == tmp_path
    assert (chosen / "kernel_1" / "parse.nbi").exists()


def test_another_source_of_any_kernel_is_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Numba looks at the file of a function alone, and not at what it calls."""
    for folder in compiled.KERNELS:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text("one")
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    digests = {compiled.digest()}
    for folder in compiled.KERNELS:
        (tmp_path / folder / "a.py").write_text("two")
        digests.add(compiled.digest())
    assert len(digests) == 1 + len(compiled.KERNELS)


def test_the_end_waits_for_a_thread_that_compiles(tmp_path: Path) -> None:
    """It would be cut off amid LLVM otherwise."""
    program = """
import atexit, os, threading
open_ones = []
# What is registered first runs last.
atexit.register(lambda: os._exit(len(open_ones)))
from exporter.model.warm import compile_kernels
from numba.core.event import register, Listener

class Notice(Listener):
    def on_start(self, event):
        open_ones.append(event)
        began.set()
    def on_end(self, event):
        open_ones.pop()

began = threading.Event()
register("numba:compile", Notice())
threading.Thread(target=compile_kernels, daemon=True).start()
assert began.wait(60)
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, timeout=100, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "program",
    [
        "import qb.explain.matching as kernels; kernels.compile_kernels()",
        pytest.param("import qb.warm as kernels; kernels.main()", marks=pytest.mark.slow("all kernels compiled")),
    ],
    ids=["some", "all"],
)
def test_what_was_compiled_once_is_loaded_by_the_next_start(tmp_path: Path, program: str) -> None:
    """The second start adds nothing and changes nothing."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def warm() -> dict[Path, int]:
        subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=250, capture_output=True)
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}

    compiled_once = warm()
    assert any(path.suffix == ".nbc" for path in compiled_once)
    assert warm() == compiled_once
