"""Compiled code of the read model: it reads records of subtotals where they lie, and keeps sums in columns.

It takes what is plain, and leaves the rest to the Python that says what is right. No function here raises or waits.
"""
