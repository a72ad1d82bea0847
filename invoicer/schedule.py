"""Which month comes next."""

from billing.period import add_months
from invoicer.accounts import Accounts


def next_month(accounts: Accounts) -> str | None:
    """Return the month to be closed next, None if there is nothing to close.

    Months close in order: one that was begun is ended first; then comes the oldest month with events after the
    newest closed one. A month that nobody had an event in is passed over. If there is no later month, and something
    came late for closed ones, the month after the newest closed one bills it.
    """
    if accounts.half_closed:
        return accounts.half_closed.month
    last = accounts.last_closed
    later = [month for month in accounts.months if month > last]
    if later:
        return later[0]
    if last and accounts.has_open(last):
        return add_months(last, 1)
    return None
