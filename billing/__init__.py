"""The domain that every part shares: event, money, billing period, subtotal, invoice, topics, settings.

Owns the meaning of each record and number and its form on the wire. Does no I/O: what talks to Kafka, to the
file system or to a process stands in :mod:`billing.runtime`.

Each time has its own word: the *event time* says when something billable happened, the *record time* when Kafka
took the record, the *watermark* is the highest event time seen in an input partition, and *as of* is the newest
event time counted in an answer.
"""
