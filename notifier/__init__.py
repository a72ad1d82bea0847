"""Sends the notifications of `billing.notifications` as signed webhooks, and writes there what became of each.

It decides nothing. A receiver that is slow or away holds up nothing but its own notifications.
"""
