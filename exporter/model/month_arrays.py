"""The arrays of a month: made, lengthened, copied.

They are made eight times as long as what they hold: memory that was never touched is not taken, and copying is.
"""

import numpy as np

from billing.runtime.native.pages import longer
from exporter.kernel.arrays import MonthArrays

_FIRST_ROWS = 64


def no_rows(width: int) -> MonthArrays:
    """Return the arrays of a month without customers, for so many types."""
    return MonthArrays(
        heads=np.zeros(0, np.int32),
        present=np.zeros(0, np.uint8),
        nexts=np.zeros(_FIRST_ROWS, np.int32),
        owners=np.zeros(_FIRST_ROWS, np.int32),
        totals=np.zeros((_FIRST_ROWS, width), np.int64),
        counts=np.zeros((_FIRST_ROWS, width), np.uint32),
        active=np.zeros(width, np.int64),
        sizes=np.zeros(3, np.int64),
    )


def copied(arrays: MonthArrays) -> MonthArrays:
    """Return arrays of the same content that share nothing with these."""
    rows, _, customers = arrays.sizes.tolist()
    return MonthArrays(
        heads=longer(arrays.heads, customers, 0),
        present=longer(arrays.present, customers, 0),
        nexts=longer(arrays.nexts, rows, 0),
        owners=longer(arrays.owners, rows, 0),
        totals=longer(arrays.totals, rows, 0),
        counts=longer(arrays.counts, rows, 0),
        active=arrays.active.copy(),
        sizes=arrays.sizes.copy(),
    )


def with_room(arrays: MonthArrays, rows: int, customers: int, width: int) -> MonthArrays:
    """Return arrays of the same content that have room.

    Args:
        arrays: what is there.
        rows: how many more there may be.
        customers: how many codes of customers there are.
        width: how many types there are.
    """
    if width > arrays.totals.shape[1]:
        arrays = _wider(arrays, width)
    if customers > len(arrays.heads):
        arrays = _for_customers(arrays, customers + 7 * len(arrays.heads))
    arrays.sizes[2] = max(arrays.sizes[2], customers)
    used = int(arrays.sizes[0])
    if used + rows > len(arrays.nexts):
        arrays = _with_rows(arrays, used, rows + 7 * used)
    return arrays


def _wider(arrays: MonthArrays, width: int) -> MonthArrays:
    more = width - arrays.totals.shape[1]
    return arrays._replace(
        totals=np.pad(arrays.totals, ((0, 0), (0, more))),
        counts=np.pad(arrays.counts, ((0, 0), (0, more))),
        active=np.pad(arrays.active, (0, more)),
    )


def _for_customers(arrays: MonthArrays, customers: int) -> MonthArrays:
    used = len(arrays.heads)
    more = customers - used
    return arrays._replace(heads=longer(arrays.heads, used, more), present=longer(arrays.present, used, more))


def _with_rows(arrays: MonthArrays, used: int, more: int) -> MonthArrays:
    return arrays._replace(
        nexts=longer(arrays.nexts, used, more),
        owners=longer(arrays.owners, used, more),
        totals=longer(arrays.totals, used, more),
        counts=longer(arrays.counts, used, more),
    )
