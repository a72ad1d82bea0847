"""Compiles all kernels of the read model, or loads what was compiled before: so that nobody waits for it later."""

import numpy as np

from billing.runtime.topic_reader import Record
from billing.subtotal import CustomerMonthKey, encode_key, encode_sums
from billing.sums import TypeTable
from exporter.kernel.arrays import ParsedArrays
from exporter.model.cube import Cube
from exporter.model.invoices import IssuedInvoices
from exporter.model.parsing import Parser
from exporter.model.received import JoinedRecords
from exporter.model.staged_sums import StagedSums
from exporter.model.view import Sort, View

_MONTH = "2000-01"
# More than the tables have room for at first, so that they grow as well.
_CUSTOMERS = 2_000


def compile_kernels() -> None:
    """Let a cube of its own take in and answer a little of everything."""
    cube, staged = Cube(TypeTable(("MISC",))), StagedSums(0)
    view = View(cube, [], IssuedInvoices(), 0)
    parsed = Parser(cube).parse(JoinedRecords([_record(number) for number in range(_CUSTOMERS)]))
    staged.put_parsed(np.arange(_CUSTOMERS), parsed, 0, None)
    staged.put(0, 0, (1, 1), None)
    _show(cube, staged)
    for _ in range(2):
        after = next(view.ranked(_MONTH, Sort.TOTAL))
        next(view.ranked(_MONTH, Sort.TOTAL, after=(_CUSTOMERS, after)))
        cube.set_customer(0, _MONTH, after, (0, 1))
    next(view.named("c", _MONTH, "c1"))
    view.is_customer("c1")


def _show(cube: Cube, staged: StagedSums) -> None:
    for number, what, positions in staged.take():
        if isinstance(what, ParsedArrays) and isinstance(positions, np.ndarray):
            cube.put_parsed(number, positions, what)


def _record(number: int) -> Record:
    key = CustomerMonthKey(0, _MONTH, f"c{number}")
    return Record(0, number, encode_key(key), encode_sums({"MISC": (number + 1, 1)}), -1)
