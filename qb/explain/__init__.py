"""`qb explain`: lists the events that make up a number, adds them, and says whether they are it.

A number is the subtotal of a customer, month and type, or what an invoice bills. It is told together with how far it
counts: the next offset of each input partition, from the progress records or from the invoice. So the events below
these offsets must add up to it, to the micro.

1. What is told: the customer's subtotals, or the invoice and the one before it.
2. The topic of rejected records, for those that would be events by today's clock and rules.
3. The input, once, up to the offsets: compiled code finds the customer's records, and Python sees those alone. Each is
   listed as it is found and added to the sums. So memory grows with months and types, not with events; what was
   rejected of the customer in step 2 takes a few bytes each.

What became of a record is its :class:`~billing.listed_record.Fate`: whatever is not counted is in none of the sums.
"""
