"""Lets the kernel read records that end, or begin, where memory that may not be read lies: `... guarded COUNT SEED`.

A read of a byte too many ends the process by a signal.
"""

import ctypes
import mmap
import sys
from random import Random

import numpy as np

from billing.event import EventRules
from processor.kernel.parse import parse_records
from processor.kernel.rows import ROW_NUMBERS, type_rows
from tests.processor import fuzz
from tests.processor.test_fold import NOW_MS, seeds

PAGE = mmap.PAGESIZE
PAGES = 8


class GuardedMemory:
    """Some pages that may be read, between two that may not."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, (PAGES + 2) * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._first, self._end = start + PAGE, start + (PAGES + 1) * PAGE
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        for guard in (start, self._end):
            assert protect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), 0) == 0

    def place(self, record: bytes, at_end: bool) -> int:
        """Put a record where it ends before the one guard, or begins behind the other; return its address."""
        address = self._end - len(record) if at_end else self._first
        ctypes.memmove(address, record, len(record))
        return address


def main() -> int:
    """Read records one by one; say how many of them the kernel took."""
    count, random = int(sys.argv[1]), Random(int(sys.argv[2]))
    memory, types = GuardedMemory(), type_rows(EventRules())
    rows, rest = np.empty((1, ROW_NUMBERS), np.int64), np.empty(1, np.int64)
    limits = (16_384, 0, NOW_MS)
    taken = 0
    for record in fuzz.batch(random, seeds(), count):
        if record is None or len(record) > PAGES * PAGE:
            continue
        for at_end in (True, False):
            for length in {len(record), random.randrange(len(record) + 1)}:
                address = memory.place(record[:length], at_end)
                where = np.array([address], np.int64), np.array([length], np.int64)
                taken += 1 - parse_records(*where, types, limits, 7, rows, rest)
    print(taken)
    return 0


if __name__ == "__main__":
    sys.exit(main())
