"""Lets the kernel read subtotals that end, or begin, where memory that may not be read lies: `... guarded COUNT SEED`.

A read of a byte too many ends the process by a signal.
"""

import sys
from random import Random

import numpy as np

from billing.runtime.native.block import RecordBlock
from billing.subtotal import CustomerMonthKey, encode_key, encode_sums
from billing.sums import TypeTable
from exporter.kernel.parse import PLAIN
from exporter.model.cube import Cube
from exporter.model.parsing import Parser
from tests.exporter.test_parse import TYPES, mutated
from tests.processor.guarded import GuardedMemory

NAMES = ("a", "Zoë", "日本電信", "customer-1", "x" * 64, "\U0001f4b6", "a|b")


def drawn(random: Random) -> tuple[bytes, bytes]:
    """Return a record, key and value, whole or nearly so."""
    key = CustomerMonthKey(random.randrange(999), random.choice(("2017-01", "2026-12")), random.choice(NAMES))
    types = random.sample(TYPES, random.randrange(1, len(TYPES)))
    sums = {name: (random.randrange(-(10**18), 10**18), random.randrange(2**32)) for name in types}
    return mutated(encode_key(key), random), mutated(encode_sums(sums), random)


def main() -> int:
    """Read records one by one; say how many of them the kernel took."""
    count, random = int(sys.argv[1]), Random(int(sys.argv[2]))
    keys, values = GuardedMemory(), GuardedMemory()
    parser, taken = Parser(Cube(TypeTable(TYPES))), 0
    for offset in range(count):
        key, value = drawn(random)
        key, value = key[: random.choice((None, len(key) // 2))], value[: random.choice((None, len(value) // 2))]
        at_end = offset % 2 == 0
        record = (0, offset, values.place(value, at_end), len(value), keys.place(key, at_end), len(key))
        parsed = parser.parse(RecordBlock(np.array(record, np.int64).reshape(6, 1)))
        taken += int(parsed.kinds[0] == PLAIN)
    print(taken)
    return 0


if __name__ == "__main__":
    sys.exit(main())
