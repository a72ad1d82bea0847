"""The Quix Streams application: billable events in, exactly-once partial subtotals out.

Owns the state of the input partitions it is assigned, the records of `billing.subtotals` and the rejected records, all
written in the transaction that commits the input offsets. Does not know who reads them.

:mod:`processor.fold` turns records into sums, :mod:`processor.book` keeps a partition's absolute subtotals,
:mod:`processor.worker` brings the two together around a commit, and :mod:`processor.quix_adapter` is the only
module that knows Quix's internals.
"""
