"""`qb replay`: recounts a month from the input, by today's rules or by others, and issues what differs as adjustments.

1. What is live: the month's subtotals of all customers, with the offsets that they count up to, and the zone.
2. The input, once, up to these offsets: the processor's kernels read it, decide ids and add. Beyond them only
   adjustments are looked for, which no processor has counted yet; with `dedup_scope: topic` also among the records that
   wait to be moved.
3. The difference, per customer and type. It is printed and saved; with `--apply` it is issued.

Nothing is touched but a scratch folder, unless the difference is issued: no group, no State, no topic.

An adjustment is an event on the input topic. It names the month and cause that it corrects, so the recount knows it
again (:mod:`qb.replay.adjustment`): it is no usage, and what it corrects is not corrected again. docs/replay.md has the
rules.
"""
