"""Compiles kernels, and keeps what was compiled where the next start finds it.

Numba compiles a function when it is first called, in seconds, and keeps the result in a folder. Its own rule for what
is stale looks at the file of the function alone, not at the files of what it calls: so the folder's name here holds a
digest of all the kernels' sources, and of the versions that a result depends on.
"""

import atexit
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import numba
from numba import njit
from numba.core.compiler_lock import global_compiler_lock

Function = TypeVar("Function", bound=Callable[..., Any])

ROOT = Path(__file__).parents[3]
# Where kernels lie. Whoever adds a folder adds it here.
KERNELS = ("billing/runtime/native", "processor/kernel", "exporter/kernel")


def digest() -> str:
    """Return what the compiled kernels depend on, in short: their sources, Python, Numba and the machine's kind."""
    found = hashlib.sha256()
    for folder in KERNELS:
        for path in sorted((ROOT / folder).glob("*.py")):
            found.update(path.read_bytes())
    versions = (platform.python_version(), numba.__version__, llvmlite.__version__, platform.machine())
    found.update("|".join(versions).encode())
    return found.hexdigest()[:16]


def cache_folders() -> list[Path]:
    """Return the folders that compiled kernels may be kept in, the best first: beside the sources, or the user's own.

    What lies there is run. So none is one that somebody else may have made, unless he could change the sources too.
    """
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen)]
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [Path(__file__).parent / "__pycache__", user / "queryable-billing"]


def _choose() -> Path | None:
    """Return a folder that can be written, and holds what was compiled before if there is any.

    Numba uses no folder that it may not write to. So kernels that were compiled when an image was built are copied.
    """
    folders = [folder / f"kernels-{digest()}" for folder in cache_folders()]
    writable = [folder for folder in folders if _is_writable(folder)]
    full = [folder for folder in folders if _is_full(folder)]
    for folder in writable:
        if folder in full or not full:
            return folder
    return _copy_of(full[0], writable) if full else None


def _is_full(folder: Path) -> bool:
    with suppress(OSError):
        return any(folder.rglob("*.nbi"))
    return False


def _is_writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    return False


def _copy_of(full: Path, writable: list[Path]) -> Path | None:
    """Return a folder with the kernels of one that cannot be written: one that lasts, or of this process alone."""
    with suppress(OSError):
        if not writable:
            folder = Path(tempfile.mkdtemp(prefix="qb-kernels-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            writable = [folder]
        shutil.copytree(full, writable[0], dirs_exist_ok=True)
        return writable[0]
    return None


CACHE_FOLDER = _choose()
"""Where compiled kernels are kept; None if no folder can be written, and each start compiles them anew."""

if CACHE_FOLDER is not None:
    vars(numba.config)["CACHE_DIR"] = str(CACHE_FOLDER)

# A thread that compiles while Python ends would be cut off amid LLVM, which ends the process by a signal. So the end
# waits for it, and lets nobody begin.
atexit.register(global_compiler_lock.acquire)


def compiled(function: Function) -> Function:
    """Compile a function at its first call, without a look at bounds, and without the interpreter's lock."""
    cache = CACHE_FOLDER is not None
    return cast(Function, njit(cache=cache, nogil=True, error_model="numpy", boundscheck=False)(function))


def inlined(function: Function) -> Function:
    """Compile a function for other kernels only: it lies in their code and is never called from Python."""
    return cast(Function, njit(nogil=True, error_model="numpy", boundscheck=False)(function))
