"""Compiles kernels, and keeps what was compiled where the next start finds it.

Numba compiles a function when it is first called, in seconds, and keeps the result in a folder. Its own rule for what
is stale looks at the file of the function alone, not at the files of what it calls: so the folder's name here holds a
digest of all the kernels' sources, and of the versions that a result depends on.
"""

import hashlib
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import numba
from numba import njit

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
    return [Path(__file__).parent / "__pycache__", user / "queryable-billing" / "kernels"]


def _choose() -> Path | None:
    """Return the first folder that holds these kernels or can be written."""
    folders = [folder / f"kernels-{digest()}" for folder in cache_folders()]
    return next(filter(_is_full, folders), None) or next(filter(_is_writable, folders), None)


def _is_full(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK) and any(folder.rglob("*.nbi"))


def _is_writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)


CACHE_FOLDER = _choose()
"""Where compiled kernels are kept; None if no folder can be written, and each start compiles anew."""

if CACHE_FOLDER is not None:
    vars(numba.config)["CACHE_DIR"] = str(CACHE_FOLDER)


def compiled(function: Function) -> Function:
    """Compile a function at its first call, without a look at bounds, and without the interpreter's lock."""
    cache = CACHE_FOLDER is not None
    return cast(Function, njit(cache=cache, nogil=True, error_model="numpy", boundscheck=False)(function))


def inlined(function: Function) -> Function:
    """Compile a function for other kernels only: it lies in their code and is never called from Python."""
    return cast(Function, njit(nogil=True, error_model="numpy", boundscheck=False)(function))
