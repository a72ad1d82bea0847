"""Measures rows of the table: ``python -m benchmarks [ROW...]``; without rows, all that need nothing but Python.

A machine that does anything else meanwhile measures that too. Ratios within one run are worth quoting, rates are not.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import fields

from benchmarks.child import ChildError
from benchmarks.figures import median_outcome
from benchmarks.peer_jobs import PeersMissingError
from benchmarks.rate import TooShortError
from benchmarks.report import Result, table, write
from benchmarks.rows import PEERS, ROWS, Row
from benchmarks.stage import Sizes, Stage, set_up
from benchmarks.truth import InexactError

HELP = {
    "events": "events of a row that measures a rate",
    "customers": "customers of a row that has many",
    "seconds": "time for a row that measures delays or answers",
    "stock_seconds": "time for the stock pipeline",
    "close_customers": "customers of a month that is closed",
    "ids": "ids in the window when counting with ids is measured",
    "curve_points": "points of each curve",
}
# What makes a row fail, and leaves the others alone.
_FAILURES = (ChildError, InexactError, PeersMissingError, TooShortError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table and return the exit code: 1 if a row failed."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if unknown := sorted(set(parsed.rows) - {*ROWS, *PEERS}):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join([*ROWS, *PEERS])}")
    if parsed.list:
        print("\n".join(f"{name:12} {(row.__doc__ or '').splitlines()[0]}" for name, row in (ROWS | PEERS).items()))
        return 0
    if shutil.which("taskset") is None:
        parser.error("programs are pinned to cores by taskset (package util-linux, on Linux), which is not installed")
    names = parsed.rows or list(ROWS)
    sizes = Sizes(**{size.name: getattr(parsed, size.name) for size in fields(Sizes) if size.name in HELP})
    with set_up(sizes) as stage:
        print(f"worker on core {stage.worker_cores}, broker on {stage.broker_cores}", flush=True)
        results = [result for name in names if (result := _measured(stage, name, parsed.repeat))]
    print(table(results))
    if parsed.write:
        write(results, sizes)
    return 0 if len(results) == len(names) else 1


def _measured(stage: Stage, name: str, repeat: int) -> Result | None:
    """Return what a row comes to; None if it failed, after saying why."""
    row: Row = (ROWS | PEERS)[name]
    began = time.monotonic()
    print(f"{name}: {(row.__doc__ or '').splitlines()[0]}", flush=True)
    try:
        outcome = median_outcome([row(stage) for _ in range(repeat)])
    except _FAILURES as error:
        print(f"  FAILED: {error}", file=sys.stderr, flush=True)
        return None
    print(f"  {outcome.details} ({time.monotonic() - began:.0f} s)", flush=True)
    return Result(name, outcome, repeat)


def _parser() -> argparse.ArgumentParser:
    sizes = Sizes()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to measure")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    parser.add_argument("--repeat", type=_positive, default=1, help="medians of so many repetitions (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md and the plots")
    for name, text in HELP.items():
        flag, default = f"--{name.replace('_', '-')}", getattr(sizes, name)
        parser.add_argument(flag, type=type(default), default=default, help=f"{text} (%(default)s)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


if __name__ == "__main__":
    sys.exit(main())
