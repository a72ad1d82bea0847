"""Puts customers in the order of their names, which is that of code points."""

import numpy as np

from exporter.kernel.arrays import Codes, Integers
from exporter.kernel.order import name_keys, next_long_run, sort_ties
from exporter.model.names import Names

# Runs of the same number that are so long are sorted by numbers that are made of the names.
_LONG = 64


def by_name(names: Names, codes: Codes) -> Codes:
    """Return customers in the order of their names."""
    keys = np.empty(len(codes), np.int64)
    name_keys(names.arrays, codes, keys)
    order = np.argsort(keys)
    keys, codes = keys[order], codes[order]
    order_ties(names, keys, codes)
    return codes


def order_ties(names: Names, keys: Integers, codes: Codes) -> None:
    """Put neighbours with the same key in the order of their names, in place."""
    start, end = next_long_run(keys, 0, _LONG)
    while start < end:
        # Where all are the same, names tell nothing that way, and comparing them is left.
        if end - start < len(keys):
            codes[start:end] = by_name(names, codes[start:end])
        start, end = next_long_run(keys, end, _LONG)
    sort_ties(keys, codes, names.arrays)
