"""Ids that have sunk to disk: tables as they lay in memory, each in a file, and a sieve over all of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.pages import in_file, zeros
from processor.kernel.ids import CHUNK_DAY, DAY_MS, SIEVE_WORDS, mark

# Of a hundred hashes that are not there, fewer than one passes the sieve.
_SIEVE_BITS_PER_ENTRY = 12


@dataclass(frozen=True, slots=True)
class _Segment:
    slots: NDArray[np.int64]
    shorts: NDArray[np.int64]
    entries: int
    newest_day_ms: int


class Segments:
    """The tables that have sunk, oldest first. Each is written once; it goes as a whole with the last of its days.

    Args:
        folder: where the files are; None: where temporary files are.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._segments: list[_Segment] = []
        # How many entries the sieve has room for, and how many are marked in it.
        self._room = self._marked = 0
        self.sieve: NDArray[np.int64] = zeros(0)
        """Tells of hashes that they are not there; empty if nothing is."""

    @property
    def entries(self) -> int:
        """How many have sunk."""
        return sum(segment.entries for segment in self._segments)

    @property
    def disk_bytes(self) -> int:
        """How much they take."""
        return sum(segment.slots.nbytes for segment in self._segments)

    @property
    def memory_bytes(self) -> int:
        """How much memory is taken by what tells of them, besides the sieve."""
        return sum(segment.shorts.nbytes for segment in self._segments)

    @property
    def places(self) -> NDArray[np.int64]:
        """Of each, newest first, what :class:`IdArrays` says; it lies in memory as the system pages it in."""
        rows = [
            (segment.slots.ctypes.data, len(segment.slots) - 1, segment.shorts.ctypes.data)
            for segment in reversed(self._segments)
        ]
        return np.array(rows, np.int64).reshape(-1, 3)

    def add(
        self,
        slots: NDArray[np.int64],
        shorts: NDArray[np.int64],
        entries: int,
        newest_day_ms: int,
        chunks: NDArray[np.int64],
    ) -> None:
        """Write a table.

        Args:
            slots: the table.
            shorts: the chunks that it tells of, by its short numbers.
            entries: how many it holds, of chunks that were not dropped.
            newest_day_ms: the newest day of these.
            chunks: what is known of each chunk.

        Raises:
            OSError: the disk is full, or broken.
        """
        before = self.entries
        self._segments.append(_Segment(in_file(self._folder, slots), shorts, entries, newest_day_ms))
        if self._marked + entries <= self._room:
            self._mark(self._segments[-1:], chunks)
            return
        # Twice what there is, so that it is made anew seldom.
        self._room, self._marked = 2 * (before + entries), 0
        self.sieve = zeros(-(-self._room * _SIEVE_BITS_PER_ENTRY // (64 * SIEVE_WORDS)) * SIEVE_WORDS)
        self._mark(self._segments, chunks)

    def drop(self, forgotten_ms: int) -> bool:
        """Drop those whose days ended at an event time or before; say whether there were any."""
        kept = [segment for segment in self._segments if segment.newest_day_ms + DAY_MS > forgotten_ms]
        dropped, self._segments = len(self._segments) - len(kept), kept
        if dropped and not kept:
            self.sieve, self._room, self._marked = zeros(0), 0, 0
        return bool(dropped)

    def _mark(self, segments: list[_Segment], chunks: NDArray[np.int64]) -> None:
        for segment in segments:
            mark(self.sieve, segment.slots, chunks[segment.shorts, CHUNK_DAY])
            self._marked += segment.entries
