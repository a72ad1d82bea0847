"""What is done about all partitions together, and what is printed of it."""

import io
import json
from pathlib import Path

import pytest

from billing.runtime.partition_bounds import Bounds
from qb.cli import make_parser
from qb.recover.conclusion import Conclusion, conclude
from qb.recover.facts import Facts, PartitionFacts
from qb.recover.remedies import numbered_group, numbered_topic
from qb.recover.report import print_report, render_json
from qb.recover.rules import Kind, judge_all
from tests.prometheus.test_rules import runbook_anchors
from tests.recover.made_up import NAMES, NEWER, OLDER, STRANGE, counted, facts, partition

RIGHT, LOST = partition(), partition(committed=None)
STRAY = PartitionFacts(0, log=Bounds(0, 0), committed=0)
OTHER = partition(log=Bounds(0, 5))
WORSE = {
    Kind.STRAY_OFFSET: STRAY,
    Kind.COUNT_AGAIN: partition(published=None),
    Kind.INPUT_DELETED: partition(log=Bounds(71, 100)),
    Kind.OTHER_INPUT: OTHER,
    Kind.OTHER_ZONE: partition(state=counted(70, time_zone="Asia/Tokyo")),
    Kind.UNREADABLE: partition(state=STRANGE),
    Kind.OLDER_VERSION: partition(state=OLDER),
    Kind.NEWER_VERSION: partition(published=NEWER),
}


def conclusion(found: Facts) -> Conclusion:
    return conclude(judge_all(found, NAMES), found, NAMES)


@pytest.mark.parametrize("found", [facts(), facts(RIGHT), facts(RIGHT, PartitionFacts(0, log=Bounds(0, 4)))])
def test_where_all_belongs_together_there_is_nothing_to_do(found: Facts) -> None:
    """Also before the first record, and before there is an input."""
    assert conclusion(found).is_right
    assert (conclusion(found).steps, conclusion(found).offsets) == ((), {})


def test_offsets_are_set_only_of_the_partitions_that_differ() -> None:
    """The others stay as they are."""
    found = conclusion(facts(RIGHT, LOST, RIGHT, LOST))
    assert found.kind is Kind.SET_OFFSET
    assert found.offsets == {1: 70, 3: 70}
    assert "qb recover --apply --delete-state" in found.steps


@pytest.mark.parametrize(("kind", "one"), WORSE.items(), ids=[kind.name for kind in WORSE])
def test_nothing_is_set_where_one_partition_has_a_worse_fault(kind: Kind, one: PartitionFacts) -> None:
    """A topic is another one as a whole, and a processor that takes all partitions would stop at the worst."""
    found = conclusion(facts(RIGHT, LOST, one))
    assert found.kind is kind
    assert not found.offsets
    assert found.steps


@pytest.mark.parametrize("one", [RIGHT, LOST, *WORSE.values()])
def test_every_conclusion_names_a_section_of_the_runbook(one: PartitionFacts) -> None:
    """The link leads somewhere."""
    page, _, anchor = conclusion(facts(LOST, one)).section.partition("#")
    assert page == "docs/runbook.md"
    assert anchor in runbook_anchors()


def test_every_kind_has_a_case_here() -> None:
    """A new kind needs a remedy and its place in the order."""
    assert set(Kind) == {Kind.RIGHT, Kind.NOT_COUNTED, Kind.SET_OFFSET, *WORSE}


def test_the_commands_that_are_printed_are_commands() -> None:
    """Each `qb ...` of any conclusion is one that the command line takes."""
    steps = [step for one in (LOST, *WORSE.values()) for step in conclusion(facts(RIGHT, one)).steps]
    commands = [step[step.index("qb ") + 3 :] for step in steps if "qb " in step and "`" not in step]
    for command in commands:
        make_parser().parse_args(command.split(",")[0].split())
    assert {command.split()[0] for command in commands} >= {"recover", "process", "audit", "export", "invoice"}


def test_a_count_again_gets_names_that_are_free() -> None:
    """A number at the end goes on; and an input whose beginning is gone is said to need it."""
    assert [numbered_topic(name, 3) for name in ("billing.subtotals", "billing.subtotals.2")] == [
        "billing.subtotals.3"
    ] * 2
    assert [numbered_group(name, 3) for name in ("billing", "billing-2")] == ["billing-3"] * 2
    cut = partition(state=None, log=Bounds(5, 100))
    said = conclusion(facts(RIGHT, cut, free_number=4)).steps
    assert "its first records in partition 1" in said[0]
    assert any("--consumer-group billing-4 --subtotals-topic billing.subtotals.4" in step for step in said)


def printed(found: Facts) -> str:
    file = io.StringIO()
    findings = judge_all(found, NAMES)
    print_report(found, NAMES, findings, conclude(findings, found, NAMES), file)
    return file.getvalue()


def test_the_report_has_a_row_and_a_sentence_for_each_partition() -> None:
    """And who is in the group, where State is, what to do."""
    text = printed(facts(RIGHT, LOST, members=("qb-a",), state_folders=(Path("state/a/billing"),)))
    rows = [line.split() for line in text.splitlines()]
    assert ["0", "0", "to", "100", "70", "70", "70", "right"] in rows
    assert ["1", "0", "to", "100", "-", "70", "70", "group's", "offset", "is", "wrong"] in rows
    assert "partition 1: State and subtotals count up to offset 70, the group has no offset" in text
    assert "members: qb-a" in text
    assert "stop them before you believe a difference" in text
    assert "State on this machine: state/a/billing" in text
    assert "see docs/runbook.md#state-and-offsets" in text


def test_a_report_of_what_is_right_ends_with_that() -> None:
    """No section to read, no steps; what it does not see is local State."""
    assert printed(facts(RIGHT)).rstrip().endswith("delete its folder of State.")
    assert "no topic billableevents.incoming" in printed(facts(topic_id=None))


def test_json_has_the_same() -> None:
    """For programs."""
    found = facts(LOST, OTHER)
    findings = judge_all(found, NAMES)
    document = json.loads(render_json(found, NAMES, findings, conclude(findings, found, NAMES), {0: 70}))
    first, second = document["partitions"]
    assert (first["committed_offset"], first["state_next_offset"], first["set_offset"]) == (None, 70, 70)
    assert (second["input_end"], second["finding"], second["set_offset"]) == (5, "another input", None)
    assert document["conclusion"]["finding"] == "another input"
    assert document["applied"] == {"0": 70}
