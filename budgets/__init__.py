"""Decides which thresholds of budgets were crossed, once each, and writes that to `billing.notifications`.

It reads whole commits of `billing.subtotals`. It sends nothing: that is done by another part, which may be slow.
"""
