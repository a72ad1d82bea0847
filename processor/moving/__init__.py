"""Moves the records of the input to a topic keyed by customer, each exactly once, for `dedup_scope: topic`.

Owns: which partition a record goes to, the transactions that move records, and what is known at a takeover of what was
moved already. Does not own: whether a record can be billed. The counting reads the keyed topic as it would the input.
"""
