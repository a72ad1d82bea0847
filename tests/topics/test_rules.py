"""The rules by themselves: each wrong value is told, and what qb makes keeps to all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.topic_rules import (
    MIN_IN_SYNC,
    PARTITIONS,
    REPLICATION,
    RULES,
    Around,
    Grade,
    Role,
    TopicState,
    judge_topic,
    made_config,
)
from tests.topics.wrong_settings import Case, cases

INPUT_PARTITIONS = 4
KEYED_PARTITIONS = 8


def around(brokers: int, replicas: int) -> Around:
    return Around(brokers, replicas, INPUT_PARTITIONS, input_record_bytes=1_048_588, max_event_bytes=16_384)


def made(role: Role, replicas: int) -> TopicState:
    partitions = 1 if role in (Role.INVOICES, Role.NOTIFICATIONS, Role.MOVED) else INPUT_PARTITIONS
    return TopicState("t", partitions, replicas, made_config(role, replicas))


@pytest.mark.parametrize("role", Role)
@given(brokers=st.integers(1, 30))
def test_what_is_made_keeps_to_every_rule(role: Role, brokers: int) -> None:
    """On a cluster of any size, with as many replicas as its size allows up to three."""
    replicas = min(3, brokers)
    findings = judge_topic(role, made(role, replicas), around(brokers, replicas))
    assert [finding.sentence for finding in findings if finding.grade is not Grade.OK] == []


@pytest.mark.parametrize("role", Role)
def test_what_is_made_says_every_setting(role: Role) -> None:
    """Nothing that has a rule is inherited from the broker."""
    told = {rule.setting for rule in RULES[role]} - {PARTITIONS, REPLICATION}
    assert told <= set(made_config(role, 1))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_wrong_value_is_told_alone(case: Case) -> None:
    """One wrong setting is one finding of the grade that the table says; every rule is in the table."""
    role, setting, value, grade = case
    state = made(role, 1)
    wrong = TopicState(state.name, state.partitions, 1, {**state.config, setting: value})
    told = {f.rule.setting: f.grade for f in judge_topic(role, wrong, around(1, 1)) if f.grade is not Grade.OK}
    assert told == ({} if grade is Grade.OK else {setting: grade})


@pytest.mark.parametrize("role", Role)
def test_every_rule_that_can_be_broken_is_tried(role: Role) -> None:
    """A new rule needs a wrong value in the table, or one below."""
    tried = {setting for of, setting, _, _ in cases() if of is role}
    assert {rule.setting for rule in RULES[role]} - tried == {PARTITIONS, REPLICATION}


@pytest.mark.parametrize(
    ("brokers", "replicas", "in_sync", "told"),
    [
        (1, 1, 1, set()),
        (2, 2, 1, set()),
        (3, 3, 2, set()),
        (5, 5, 3, set()),
        (3, 1, 1, {REPLICATION}),
        (3, 2, 1, {REPLICATION}),
        (2, 1, 1, {REPLICATION}),
        (3, 3, 1, {MIN_IN_SYNC}),
        (3, 3, 3, {MIN_IN_SYNC}),
        (2, 2, 2, {MIN_IN_SYNC}),
    ],
)
def test_replicas_are_held_against_the_cluster(brokers: int, replicas: int, in_sync: int, told: set[str]) -> None:
    """One broker may be away without a loss and without a stop, where there are enough of them."""
    config = {**made_config(Role.INPUT, replicas), MIN_IN_SYNC: str(in_sync)}
    state = TopicState("t", 4, replicas, config)
    findings = judge_topic(Role.INPUT, state, around(brokers, replicas))
    assert {finding.rule.setting: finding.grade for finding in findings if finding.grade is not Grade.OK} == (
        dict.fromkeys(told, Grade.WARN)
    )


@pytest.mark.parametrize(
    ("role", "partitions", "grade"),
    [
        (Role.CHANGELOG, 3, Grade.REFUSE),
        (Role.CHANGELOG, 5, Grade.REFUSE),
        (Role.CHANGELOG, 4, Grade.OK),
        (Role.INVOICES, 2, Grade.WARN),
        (Role.MOVED, 2, Grade.WARN),
        (Role.KEYED, 8, Grade.OK),
        (Role.KEYED, 9, Grade.REFUSE),
        (Role.SUBTOTALS, 7, Grade.OK),
        (Role.INPUT, 1, Grade.OK),
    ],
)
def test_partitions_are_held_against_the_input(role: Role, partitions: int, grade: Grade) -> None:
    """The changelog must have as many as the topic counted from, the keyed topic as many as it was made with."""
    state = TopicState("t", partitions, 1, made_config(role, 1))
    found = {
        finding.rule.setting: finding
        for finding in judge_topic(role, state, replace(around(1, 1), keyed_partitions=KEYED_PARTITIONS))
    }
    assert found[PARTITIONS].grade is grade


def test_a_setting_that_the_broker_does_not_know_is_no_fault() -> None:
    """An older Kafka has fewer settings, and a missing right shows none at all."""
    assert {f.grade for f in judge_topic(Role.INPUT, TopicState("t", 1, 1, {}), around(1, 1))} == {Grade.OK}
