"""Makes billable events, well and badly formed, and knows what the totals of what it sent must be.

Owns the making of events and the truth about them; it never reads an event back. :mod:`generator.events` is the
pure core, :mod:`generator.app` sends what it makes to Kafka.
"""
