"""Large arrays of zeros, in memory or in a file, whose pages are touched when they are first written."""

import mmap
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NUMBER_BYTES = 8
# On systems that have them, large pages make each of many scattered accesses cheaper, and the first one much so.
_LARGE_PAGES: int | None = getattr(mmap, "MADV_HUGEPAGE", None)


def zeros(*shape: int) -> NDArray[np.int64]:
    """Return an array of zeros that begins with a page of memory."""
    memory = mmap.mmap(-1, max(1, int(np.prod(shape))) * _NUMBER_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if _LARGE_PAGES is not None:
        memory.madvise(_LARGE_PAGES)
    return _array(memory, shape)


def file_of_zeros(folder: Path | None, *shape: int) -> NDArray[np.int64]:
    """Return an array of zeros that lies in a file without a name: it is gone with whoever uses it.

    Args:
        folder: where the file is; None: where temporary files are.
        shape: of the array.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size := int(np.prod(shape)) * _NUMBER_BYTES)
        return _array(mmap.mmap(file.fileno(), size), shape)


def doubled(array: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return an array that is twice as long, zeros behind what there was."""
    longer = zeros(2 * len(array), *array.shape[1:])
    longer[: len(array)] = array
    return longer


def _array(memory: mmap.mmap, shape: tuple[int, ...]) -> NDArray[np.int64]:
    return np.frombuffer(memory, np.int64, int(np.prod(shape))).reshape(shape)
