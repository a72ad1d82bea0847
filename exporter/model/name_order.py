"""Puts customers in the order of their names, which is that of code points."""

import numpy as np

from exporter.kernel.arrays import Codes, Integers
from exporter.kernel.order import name_keys, sort_ties
from exporter.model.names import Names

# Longer runs of the same number are sorted by numbers that are made of the names.
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
    edges = np.flatnonzero(np.diff(keys)) + 1
    starts, ends = np.append(0, edges), np.append(edges, len(keys))
    for run in np.flatnonzero(ends - starts > _LONG).tolist():
        # Where all are the same, names tell nothing that way, and comparing them is left.
        if len(keys) > ends[run] - starts[run]:
            codes[starts[run] : ends[run]] = by_name(names, codes[starts[run] : ends[run]])
    sort_ties(keys, codes, names.arrays)
