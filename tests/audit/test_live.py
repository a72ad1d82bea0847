"""An audit while events are being counted."""

import pytest

from billing.subtotal import CustomerMonthKey, decode_key, decode_sums, encode_sums
from qb.audit.findings import Check
from tests.audit.world import World


def live(first: int = 800, second: int = 920, third: int = 1_040) -> World:
    """Counting goes on while the audit reads: some subtotals of the first look are newer than the progress then."""
    world = World(counted=first)
    world.rejected = world.rejections(third)
    newer: dict[bytes, bytes | None] = dict(world.count(second))
    world.subtotals |= {key: value for n, (key, value) in enumerate(newer.items()) if n % 2 and b"progress" not in key}
    world.later_subtotals = [newer, dict(world.count(third))]
    return world


def test_an_audit_of_a_moving_target_is_clean() -> None:
    """Subtotals of commits after the cut are explained by the records between cut and reach."""
    findings = live().audit()
    assert findings.differences == []
    assert findings.figures["accepted"] == sum(event.expected is not None for event in live().events[:800])


def test_without_those_records_it_would_not_be() -> None:
    """The same subtotals with no commit to explain them are differences."""
    world = live()
    world.later_subtotals = []
    assert set(world.audit().totals) == {Check.CUSTOMERS, Check.HOURS}


def test_records_not_counted_yet_are_no_difference() -> None:
    """Input beyond the reach, rejected records included, is not looked at."""
    world = World(counted=400)
    world.rejected = world.rejections(600)
    assert world.audit().is_clean


@pytest.mark.parametrize("micros", [1, -1])
def test_a_wrong_subtotal_is_found_among_moving_ones(micros: int) -> None:
    """What was right at no offset between cut and reach is a difference."""
    world = live()
    changed = world.later_subtotals[0]
    key = next(key for key in changed if isinstance(decode_key(key), CustomerMonthKey))
    value = changed[key]
    assert value is not None
    changed[key] = encode_sums({type_: (total + micros, n) for type_, (total, n) in decode_sums(value).items()})
    findings = world.audit()
    assert findings.totals[Check.CUSTOMERS] == len(decode_sums(value))
    assert set(findings.totals) == {Check.CUSTOMERS}


def test_invoices_of_the_moment_are_clean() -> None:
    """Months closed before the cut are no difference."""
    world = live()
    world.close("2017-01", 308)
    world.close("2017-02", 580)
    assert world.audit().differences == []
