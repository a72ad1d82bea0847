"""Sums by the months and hours of another zone are never shown as those of the one that is set."""

import pytest

from exporter.model.state import State
from tests.exporter.test_errors import assert_problem
from tests.exporter.world import CommittedSums, World, charlie


def counted_by(zone: str, set_to: str) -> World:
    """Return an exporter that reads what was counted by a zone."""
    world = World(time_zone=set_to)
    world.committed = CommittedSums(zone)
    world.event("Charlie", 199_990_000)
    return world.ready()


@pytest.mark.parametrize(
    ("counted", "set_to"), [("UTC", "Asia/Kolkata"), ("Asia/Kolkata", "UTC"), ("Europe/Berlin", "Europe/Paris")]
)
def test_another_zone_is_told(counted: str, set_to: str) -> None:
    """The answer is 503, a sentence that names both zones, and where to read on."""
    with counted_by(counted, set_to).served() as client:
        for path in ("/customers/Charlie", "/types", "/readyz", "/api/v1/overview"):
            message = assert_problem(client.get(path), 503, "other_time_zone")["message"]
            assert f"hours of {counted}, but time_zone is {set_to}" in message
            assert "docs/runbook.md#time-zone-changed" in message
        assert client.get("/healthz").status == 200
        assert "billing_ready 0" in client.get("/metrics").text


def test_a_partition_that_changes_its_zone_ends_the_answers() -> None:
    """Also while the exporter runs; once all partitions are counted by the zone that is set, it answers again."""
    world = charlie()
    world.committed = CommittedSums("Asia/Kolkata", offset=world.committed.offset)
    world.event("Dana", 5, partition=1)
    world.commit()
    assert world.model.state == "other_time_zone"
    assert "input partition 1" in world.model.why
    # Counted again by the zone that is set, from its start. The hour of the other zone is left over, and waited for.
    world.committed = CommittedSums("UTC", offset=world.committed.offset)
    world.event("Dana", 5, partition=1)
    world.commit()
    world.model.tick()
    assert world.model.state == "catching_up"
    world.clock.seconds += 2
    world.model.tick()
    assert world.model.state is State.READY
    with world.served() as client:
        assert client.ok("/customers/Dana")["total"] == "0.000005"
        assert client.ok("/customers/Charlie")["total"] == "199.990000"


def test_an_older_record_of_another_zone_makes_no_difference() -> None:
    """Until compaction the topic holds what was counted before: the newest progress record decides."""
    world = World(time_zone="UTC")
    world.committed = CommittedSums("Asia/Kolkata")
    world.event("Charlie", 1)
    old = world.committed.commit()
    world.committed = CommittedSums("UTC", offset=world.committed.offset)
    world.event("Charlie", 1)
    world.model.apply([*old, *world.committed.commit()])
    world.model.caught_up()
    world.clock.seconds += 2
    world.model.caught_up()
    assert world.model.state is State.READY
