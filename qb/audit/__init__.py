"""`qb audit`: counts everything again from the input, with code of its own, and compares.

What is shared with the other parts is the meaning of a record (:mod:`billing.event` and the codecs), never a sum:
the processor sums in memory with compiled code, the audit in tables of a scratch SQLite file, so its memory does not
grow with events, customers or months.

It may run while everything else does. For that it takes its figures in this order:

1. The ledger of invoices, to its end: what is billed.
2. The subtotals, to their end, and each input partition's progress: what has been counted, and up to which offset.
3. The subtotals that were committed meanwhile, and then the newest progress. So each subtotal read is the count at
   some offset between the progress of step 2 (the *cut*) and that of step 3 (the *reach*).
4. The rejected records, to their end.
5. The input up to the cut: the recount, by the rules of ids (docs/once.md) too. It must equal the progress records,
   the rejected records and the subtotals.
6. If subtotals are different: the input from the cut to the reach. One that equals the recount at any offset on the
   way is right. Then the ledger, against the recount and itself, and the invoice files against the ledger.

A record rejected as `future_timestamp` was rejected by the clock at that time, which a later reader does not have:
the verdict stands if the event lay in the future a minute before the rejected record was written.
"""
