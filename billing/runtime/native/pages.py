"""Large arrays, in memory or in a file. Of zeros in memory, a page that was never written takes nothing.

`np.zeros` keeps that promise only where it gets fresh memory; what was used before it fills with zeros, all of it.
"""

import mmap
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LARGE_BYTES = 1 << 20
_LARGE_PAGES: int | None = getattr(mmap, "MADV_HUGEPAGE", None)


def zeros(*shape: int, dtype: DTypeLike = np.int64, in_large_pages: bool = True) -> NDArray[Any]:
    """Return an array of zeros that begins with a page of memory.

    Args:
        shape: of the array.
        dtype: of its numbers.
        in_large_pages: whether it should lie in large pages, where the system has them: scattered accesses cost less
            in them, but the end of what is written takes up to one of them.
    """
    memory = mmap.mmap(-1, max(1, _size_bytes(shape, dtype)), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if in_large_pages and _LARGE_PAGES is not None:
        memory.madvise(_LARGE_PAGES)
    return _array(memory, shape, dtype)


def in_file(folder: Path | None, array: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return an array of the same numbers that lies in a file without a name: it is gone with whoever uses it.

    Args:
        folder: where the file is; None: where temporary files are.
        array: the numbers.

    Raises:
        OSError: the disk is full, or broken.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        rest = array.data.cast("B")
        while rest:
            rest = rest[file.write(rest) :]
        return _array(mmap.mmap(file.fileno(), array.nbytes), array.shape, np.int64)


def longer(array: NDArray[Any], used: int, more: int, in_large_pages: bool = False) -> NDArray[Any]:
    """Return an array that has more room, with what is used of the old one, and zeros behind that.

    What is never touched takes no memory, if it is large.
    """
    shape = (len(array) + more, *array.shape[1:])
    if _size_bytes(shape, array.dtype) < _LARGE_BYTES:
        made = np.zeros(shape, array.dtype)
    else:
        made = zeros(*shape, dtype=array.dtype, in_large_pages=in_large_pages)
    made[:used] = array[:used]
    return made


def _size_bytes(shape: tuple[int, ...], dtype: DTypeLike) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize


def _array(memory: mmap.mmap, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    return np.frombuffer(memory, dtype, int(np.prod(shape))).reshape(shape)
