"""Many byte strings in one buffer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Packed:
    """Byte strings, each by its start and its length in `data`."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, strings: Sequence[bytes]) -> "Packed":
        """Return some byte strings, packed."""
        lengths = np.fromiter(map(len, strings), np.int64, len(strings))
        return cls(np.frombuffer(b"".join(strings), np.uint8), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: slice) -> "Packed":
        return Packed(self.data, self.starts[rows], self.lengths[rows])

    def take(self, rows: NDArray[np.int64]) -> "Packed":
        """Return the byte strings of some rows, in their order."""
        return Packed(self.data, self.starts[rows], self.lengths[rows])

    def at(self, row: int) -> bytes:
        """Return one of them."""
        start = int(self.starts[row])
        return self.data[start : start + int(self.lengths[row])].tobytes()
