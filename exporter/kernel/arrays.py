"""The arrays that kernels work on, in groups that belong together."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Codes = NDArray[np.int32]
Integers = NDArray[np.int64]
Counts = NDArray[np.uint32]

Whole = Any
"""A whole number as compiled code has it: its width is inferred."""

NONE = -1


class NameArrays(NamedTuple):
    """Names, each with a code: 0, 1, 2 in the order in which they came.

    Args:
        text: the names, one behind the other, in UTF-8.
        starts: where the name of a code begins, and one more: where the newest one ends.
        slots: an open hash table; an entry is 31 bits of the name's hash, then the code; -1 is an empty one.
        sizes: how many names there are.
    """

    text: Bytes
    starts: Integers
    slots: Integers
    sizes: Integers


class MonthArrays(NamedTuple):
    """The sums of one month: a row for each customer and input partition, those of a customer in a chain.

    Args:
        heads: code of a customer -> one more than the first row of the chain, 0 without any.
        present: code of a customer -> whether the chain's sums are not all zero.
        nexts: row -> the next one of its customer, -1 behind the last.
        owners: row -> the input partition; its complement if the row's sums are kept elsewhere, being too large.
        totals: row, slot of a type -> micros.
        counts: row, slot of a type -> events.
        active: slot of a type -> how many customers have events of it.
        sizes: how many rows there are, how many customers are present, and what all their codes are below.
    """

    heads: Codes
    present: Bytes
    nexts: Codes
    owners: Codes
    totals: Integers
    counts: Counts
    active: Integers
    sizes: Integers


class StageArrays(NamedTuple):
    """Sums of one input partition that are not shown yet, the newest of each customer and month.

    Args:
        slots: an open hash table of rows; -1 is an empty one.
        codes: row -> code of the customer.
        months: row -> number of the month.
        is_exact: row -> whether its sums are kept elsewhere.
        totals: row, slot of a type -> micros.
        counts: row, slot of a type -> events.
        sizes: how many rows there are.
    """

    slots: Codes
    codes: Codes
    months: Codes
    is_exact: Bytes
    totals: Integers
    counts: Counts
    sizes: Integers


class ParsedArrays(NamedTuple):
    """What was read of records, an entry for each.

    Args:
        kinds: one of those in :mod:`exporter.kernel.parse`; what follows is of plain ones alone.
        inputs: the input partition.
        months: the number of the month.
        codes: the code of the customer.
        totals: slot of a type -> micros.
        counts: slot of a type -> events.
    """

    kinds: Bytes
    inputs: Codes
    months: Codes
    codes: Codes
    totals: Integers
    counts: Counts
