"""Compiles the kernels of all parts, so that a first start finds them: `python -m qb.warm`."""

import shutil
import sys

import exporter.model.warm
import processor.warm
import qb.explain.matching
from billing.runtime.native.compiled import CACHE_FOLDER


def main() -> int:
    """Compile, drop what was compiled from former sources, and say where the kernels are kept."""
    processor.warm.compile_kernels()
    exporter.model.warm.compile_kernels()
    qb.explain.matching.compile_kernels()
    if CACHE_FOLDER is None:
        print("no folder for compiled kernels can be written: each start compiles them anew", file=sys.stderr)
        return 1
    for former in set(CACHE_FOLDER.parent.glob("kernels-*")) - {CACHE_FOLDER}:
        shutil.rmtree(former, ignore_errors=True)
    print(f"kernels compiled: {CACHE_FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
