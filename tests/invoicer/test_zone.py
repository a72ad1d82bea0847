"""The invoicer bills nothing by the months of another zone than the one that is set."""

import pytest

from billing.errors import OperatorError
from billing.subtotal import Progress, encode_progress
from invoicer.accounts import Accounts


@pytest.mark.parametrize(("counted", "set_to"), [("UTC", "Asia/Kolkata"), ("Europe/Berlin", "UTC")])
def test_subtotals_of_another_zone_are_refused(counted: str, set_to: str) -> None:
    """By the newest progress record of each input partition; one that has counted nothing has no zone yet."""
    accounts = Accounts()
    accounts.read_subtotal(b"progress|0", encode_progress(Progress(next_offset=7, time_zone=set_to)))
    accounts.read_subtotal(b"progress|1", encode_progress(Progress(time_zone=counted)))
    accounts.check_zone(set_to)
    accounts.read_subtotal(b"progress|1", encode_progress(Progress(next_offset=1, time_zone=counted)))
    with pytest.raises(OperatorError, match=f"partition 1 .* {counted}, but time_zone is {set_to}.*#time-zone-changed"):
        accounts.check_zone(set_to)
    accounts.read_subtotal(b"progress|1", encode_progress(Progress(next_offset=1, time_zone=set_to)))
    accounts.check_zone(set_to)
