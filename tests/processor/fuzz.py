"""Holds the kernel to the rules for as long as it is told: `python -m tests.processor.fuzz --minutes 10`."""

import argparse
import sys
import time
from random import Random

from tests.processor.mutations import any_csv, any_json, mutate

BATCH = 10_000


def main() -> int:
    """Run until the time is over or a record is found; print the seed, with which it can be found again."""
    from tests.processor.test_fold import assert_same, seeds  # it uses this module

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what the records are drawn by (the clock)")
    arguments = parser.parse_args()
    random, known, records = Random(arguments.seed), seeds(), 0
    until = time.monotonic() + 60 * arguments.minutes
    print(f"seed {arguments.seed}", flush=True)
    while time.monotonic() < until:
        assert_same(batch(random, known, BATCH))
        records += BATCH
    print(f"{records:,} records, each read by the kernel as by the rules")
    return 0


def batch(random: Random, known: list[bytes], count: int) -> list[bytes | None]:
    """Draw records of all kinds."""
    made: list[bytes | None] = []
    for _ in range(count):
        way = random.random()
        record = any_csv(random) if way < 0.3 else any_json(random) if way < 0.6 else random.choice(known)
        made.append(mutate(random, record) if random.random() < 0.6 else record)
    return made


if __name__ == "__main__":
    sys.exit(main())
