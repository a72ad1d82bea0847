"""The audit finds a difference of each kind, and none where there is none."""

from dataclasses import replace

import pytest

from billing.clock import SimulatedClock
from billing.errors import OperatorError
from billing.event import EventRules, Reason
from billing.runtime.topic_reader import Record
from billing.settings import load_settings
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    ProgressKey,
    decode_key,
    decode_subtotal,
    encode_changed,
    encode_key,
    encode_sums,
)
from billing.topic_rules import Role
from billing.topics import topic_specs
from qb.audit.findings import Check, Findings
from qb.audit.judge import Judge
from qb.audit.verdicts import Verdict
from tests.audit.world import WRITTEN_MS, World


@pytest.fixture
def world() -> World:
    """Everything counted, two months closed, the third being closed, the fourth open."""
    world = World()
    world.close("2017-01", 308)
    world.close("2017-02", 580)
    world.close("2017-03", 896, closed=False)
    return world


def only(findings: Findings, check: Check) -> list[str]:
    """The subjects of the differences, all of one check."""
    assert {difference.check for difference in findings.differences} == {check}
    return [difference.subject for difference in findings.differences]


def subtotal_keys(world: World, kind: type) -> list[bytes]:
    return [key for key in world.subtotals if isinstance(decode_key(key), kind)]


def tamper(world: World, key: bytes, micros: int = 1, count: int = 0) -> str:
    """Change one sum of a subtotal; return its type."""
    value, decoded = world.subtotals[key], decode_key(key)
    assert value is not None
    assert not isinstance(decoded, ProgressKey)
    sums = decode_subtotal(decoded, value)
    first, types = min(sums.items(), key=repr)
    type_ = min(types)
    changed = {**types, type_: (types[type_][0] + micros, types[type_][1] + count)}
    ((_, world.subtotals[key]),) = encode_changed({**sums, first: changed}, [first])
    return type_


def test_nothing_differs_when_everything_is_right(world: World) -> None:
    """Late events, credits, rejected records and a half-closed month are no differences."""
    findings = world.audit()
    assert findings.differences == []
    assert findings.is_clean
    assert findings.figures["accepted"] == sum(event.expected is not None for event in world.events)
    assert findings.figures["rejected"] == len(world.rejected) > 50


def test_the_figures_add_up(world: World) -> None:
    """Billed and open are what was accepted."""
    figures = world.audit().figures
    total = sum(event.expected.amount_micros for event in world.events if event.expected)
    micros = {name: round(float(figures[name]) * 1_000_000) for name in ("sum of accepted", "billed", "open")}
    assert micros["sum of accepted"] == total
    assert micros["billed"] + micros["open"] == total
    assert micros["billed"] != 0 != micros["open"]


def test_an_empty_deployment_is_clean() -> None:
    """Topics without a record differ in nothing."""
    world = World(count=2)
    world.input, world.events, world.rejected, world.subtotals = [], [], [], {}
    assert world.audit().is_clean


@pytest.mark.parametrize(("micros", "count"), [(1, 0), (-1, 0), (0, 1)])
@pytest.mark.parametrize(("kind", "check"), [(CustomerMonthKey, Check.CUSTOMERS), (HourBlockKey, Check.HOURS)])
def test_a_wrong_subtotal_is_found(world: World, kind: type, check: Check, micros: int, count: int) -> None:
    """One micro or one event too many in one subtotal of one partition, and nothing else is reported."""
    key = subtotal_keys(world, kind)[3]
    type_ = tamper(world, key, micros, count)
    (subject,) = only(world.audit(), check)
    assert type_ in subject
    assert f"input partition {decode_key(key).partition}" in subject


@pytest.mark.parametrize(("kind", "check"), [(CustomerMonthKey, Check.CUSTOMERS), (HourBlockKey, Check.HOURS)])
def test_a_missing_subtotal_is_found(world: World, kind: type, check: Check) -> None:
    """A key that is not there, or was deleted by a tombstone, counts as nothing."""
    first, second = subtotal_keys(world, kind)[:2]
    del world.subtotals[first]
    world.subtotals[second] = None
    assert len(only(world.audit(), check)) >= 2


def test_a_subtotal_of_nobody_is_found(world: World) -> None:
    """A sum without events is a difference too."""
    world.subtotals[encode_key(CustomerMonthKey(0, "2017-02", "[bold]Mallory[/]"))] = encode_sums({"MISC": (1, 1)})
    assert only(world.audit(), Check.CUSTOMERS) == ["[bold]Mallory[/] 2017-02 MISC (input partition 0)"]


def test_a_subtotal_that_cannot_be_read_is_found(world: World) -> None:
    """A record of another kind is reported, not passed over."""
    world.subtotals[b"nonsense"] = b"{}"
    assert only(world.audit(), Check.CUSTOMERS) == ["b'nonsense'"]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"accepted": 1}, "accepted"),
        ({"accepted_micros": 1}, "accepted sum"),
        ({"watermark_ms": 1}, "highest event time"),
        ({"rejected": {"too_large": 1_000}}, "rejected as too_large"),
    ],
)
def test_a_wrong_progress_record_is_found(world: World, fields: dict[str, object], what: str) -> None:
    """Consumed = accepted + rejected, by reason, in each input partition."""
    world.change_progress(1, **fields)
    assert f"input partition 1: {what}" in only(world.audit(), Check.PROGRESS)


def test_a_record_that_is_not_rejected_is_found(world: World) -> None:
    """What cannot be billed must be in the rejected topic."""
    gone = world.rejected.pop(5)
    headers = dict(gone.headers)
    place = f"input {headers['source-partition'].decode()}@{headers['source-offset'].decode()}"
    assert only(world.audit(), Check.REJECTED) == [place]


def test_a_record_that_is_rejected_twice_is_found(world: World) -> None:
    """Exactly once means once; it is counted once all the same."""
    rejected = len(world.rejected)
    world.rejected.append(replace(world.rejected[5], offset=9_999))
    findings = world.audit()
    assert findings.figures["rejected"] == rejected
    only(findings, Check.REJECTED)
    assert [difference.expected for difference in findings.differences] == ["rejected once"]
    assert findings.differences[0].found.endswith("0@9999")


def change_header(world: World, place: int, name: str, value: bytes) -> None:
    record = world.rejected[place]
    headers = tuple((key, value if key == name else old) for key, old in record.headers)
    world.rejected[place] = replace(record, headers=headers)


def test_a_wrong_reason_is_found(world: World) -> None:
    """The reason is that of the recount."""
    place = next(n for n, record in enumerate(world.rejected) if dict(record.headers)["reason"] == b"bad_amount")
    change_header(world, place, "reason", b"malformed")
    (difference,) = world.audit().differences
    assert difference.expected == "rejected as bad_amount"
    assert difference.found == f"rejected as malformed at 0@{place}"


@pytest.mark.parametrize("change", [{"value": b"other"}, {"key": b"other"}, {"key": None}, {"headers": "own"}])
def test_a_changed_record_is_found(world: World, change: dict[str, object]) -> None:
    """A rejected record keeps its key, value and headers."""
    if change == {"headers": "own"}:
        change_header(world, 5, "trace", b"lost")
    else:
        world.rejected[5] = replace(world.rejected[5], **change)  # type: ignore[arg-type]
    (difference,) = world.audit().differences
    assert (difference.check, difference.expected) == (Check.REJECTED, "key, value and headers unchanged")


def test_a_rejected_record_of_a_good_event_is_found(world: World) -> None:
    """An event that was billed and rejected is a difference."""
    good = next(n for n, event in enumerate(world.events) if event.expected)
    source = world.input[good]
    template = world.rejected[0]
    world.rejected.append(
        replace(
            template,
            offset=9_999,
            key=source.key,
            value=source.value,
            headers=(*source.headers, *template.headers[-5:]),
        )
    )
    change_header(world, -1, "source-partition", b"%d" % source.partition)
    change_header(world, -1, "source-offset", b"%d" % source.offset)
    (difference,) = world.audit().differences
    assert (difference.check, difference.expected) == (Check.REJECTED, "billed")


def test_a_rejected_record_of_no_record_is_found(world: World) -> None:
    """Offsets that are not in the input, or partitions that do not exist, and headers that make no sense."""
    extra = [replace(world.rejected[0], offset=9_000 + n) for n in range(4)]
    world.rejected += extra
    change_header(world, -4, "source-partition", b"7")
    change_header(world, -3, "source-topic", b"other")
    change_header(world, -2, "source-offset", b"x")
    world.rejected[-1] = replace(world.rejected[-1], headers=())
    assert sorted(only(world.audit(), Check.REJECTED)) == [f"rejected 0@{9_000 + n}" for n in range(4)]


def test_a_verdict_of_its_time_stands(world: World) -> None:
    """An event that lay in the future when it was rejected and no longer does is rightly rejected; one that did not
    lie in the future then is not."""
    day_ms = 86_400_000
    # The one that is billed lies so far ahead that the others would be too old for their ids.
    world.settings = load_settings({"output": "no-such-folder", "dedup_window_days": 0}, {})
    for n, ahead_ms in ((0, day_ms + 1), (2, day_ms - 61_000)):
        assert world.events[n].expected is not None
        payload = b"%d,Charlie,1.00" % (WRITTEN_MS + ahead_ms)
        world.input[n] = replace(world.input[n], value=payload)
        world.events[n] = replace(world.events[n], payload=payload, expected=None, reason=Reason.FUTURE_TIMESTAMP)
    world.rejected = world.rejections(len(world.events))
    world.subtotals = dict(world.count(len(world.events)))
    world.ledger = {}
    findings = world.audit()
    rejected = [difference for difference in findings.differences if difference.check is Check.REJECTED]
    assert [(d.subject, d.expected) for d in rejected] == [("input 0@1", "billed")]


def test_a_verdict_of_an_earlier_run_of_a_simulation_stands() -> None:
    """A simulation that goes on after a pause has another clock than when the record was judged."""
    anchor_ms = 1_800_000_000_000
    clock = SimulatedClock(1_500_000_000_000, anchor_ms, 100_000.0)
    judge = Judge(EventRules(), anchor_ms + 1_000, clock.at_ms, anchor_ms)
    written_ms = anchor_ms - 600_000

    def decide(reason: Reason, payload: bytes) -> object:
        record = Record(0, 7, None, payload, written_ms)
        return judge.decide(record, Verdict(0, 7, reason, b"", written_ms, "0@0"))

    assert decide(Reason.BAD_AMOUNT, b"1499000000,Charlie,much") is Reason.BAD_AMOUNT
    assert decide(Reason.FUTURE_TIMESTAMP, b"1499000000,Charlie,1.00") is Reason.FUTURE_TIMESTAMP


@pytest.mark.parametrize("topic", ["ledger", "subtotals", "rejected"])
def test_a_topic_that_is_cut_at_its_start_is_found(world: World, topic: str) -> None:
    """Nobody can say what was there, so the audit is not clean, though what is left agrees."""
    world.starts[topic] = 3
    (difference,) = world.audit().differences
    assert difference.subject.endswith("partition 0: start")
    assert difference.found == "3, the rest is deleted"


@pytest.mark.parametrize(
    ("role", "value"),
    [
        (role, value)
        for role, values in {
            Role.INPUT: ("compact", "compact,delete"),
            Role.REJECTED: ("compact", "compact,delete"),
            Role.SUBTOTALS: ("delete", "compact,delete"),
            Role.INVOICES: ("delete", "compact,delete"),
        }.items()
        for value in values
    ],
)
def test_a_topic_that_is_kept_so_that_money_is_lost_is_found(world: World, role: Role, value: str) -> None:
    """What is left agrees; the topic, the setting and where to read on are told."""
    world.topic_configs[role]["cleanup.policy"] = value
    (difference,) = world.audit().differences
    assert difference.check is Check.TOPICS
    assert difference.subject == f"topic {topic_specs(world.settings)[role].name}: cleanup.policy"
    assert difference.found.startswith(f"{value}: ")
    assert difference.found.endswith(", see docs/runbook.md#topics-wrong")


def test_what_is_only_warned_of_is_no_difference(world: World) -> None:
    """A retention has not deleted anything yet; once it has, the topic's start tells."""
    world.topic_configs[Role.INPUT]["retention.ms"] = "86400000"
    assert world.audit().is_clean


@pytest.mark.parametrize("role", [Role.INPUT, Role.SUBTOTALS, Role.REJECTED, Role.INVOICES])
def test_a_topic_whose_settings_may_not_be_read_is_not_called_clean(world: World, role: Role) -> None:
    """Nobody knows whether compaction or retention took records before they were counted: the right is named."""
    world.topic_configs[role] = {}
    (difference,) = world.audit().differences
    assert difference.check is Check.TOPICS
    assert difference.subject == f"topic {topic_specs(world.settings)[role].name}: cleanup.policy"
    assert difference.found.startswith("not known: this user lacks the right DescribeConfigs")


def test_input_that_is_gone_is_found(world: World) -> None:
    """What retention took can't be recounted: the report says so, and what was counted there differs."""
    world.input_starts[1] = 5
    world.input = [record for record in world.input if record.partition == 0 or record.offset >= 5]
    world.rejected = [record for record in world.rejected if dict(record.headers)["source-offset"] not in b"01234"]
    findings = world.audit()
    subjects = [difference.subject for difference in findings.differences]
    assert "input partition 1: start" in subjects
    assert "input partition 1: accepted" in subjects


def test_counting_that_began_behind_what_is_gone_is_never_clean(world: World) -> None:
    """Where a first start found records deleted and went on, the rest agrees; but nobody has read all of it."""
    world = World(count=800)
    world.input_starts[1] = 5
    gone = {n for n, record in enumerate(world.input) if record.partition == 1 and record.offset < 5}
    world.events = [event for n, event in enumerate(world.events) if n not in gone]
    world.input = [record for n, record in enumerate(world.input) if n not in gone]
    world.rejected, world.subtotals = world.rejections(800), dict(world.count(800))
    findings = world.audit()
    assert [(found.subject, found.found) for found in findings.differences] == [
        ("input partition 1: start", "5, the rest is deleted")
    ]


def test_a_count_beyond_the_input_is_found(world: World) -> None:
    """Progress past the end of the input topic: it is another one than was counted."""
    world.change_progress(0, next_offset=1_000_000)
    findings = world.audit()
    assert findings.differences[0].check is Check.INPUT
    assert (findings.differences[0].subject, findings.totals[Check.INPUT]) == ("input partition 0: end", 1)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (b"progress|0", b'{"v": 2}', "version 2 of a record is older than"),
        (b"progress|0", b'{"v": 99}', "version 99"),
        (b"progress|0", b"{}", "not "),
        (b"progress|0", b"\xff\xfe", "not "),
        (b"progress|x", b"{}", "not "),
    ],
)
def test_progress_that_cannot_be_read_is_told_in_one_sentence(world: World, key: bytes, value: bytes, why: str) -> None:
    """Without it nobody knows how far was counted, so there is nothing to compare."""
    world.subtotals[key] = value
    with pytest.raises(OperatorError, match=f"a record of billing.subtotals cannot be read: .*{why}"):
        world.audit()


@pytest.mark.parametrize("key", [b"closed|2017-01", b"invoice|2017-01|Charlie", b"nonsense", b""])
@pytest.mark.parametrize("value", [b"", b"{}", b"\xff\xfe", b'{"v": 0}', b'{"v": 99}'])
def test_a_ledger_record_that_cannot_be_read_is_told(world: World, key: bytes, value: bytes) -> None:
    """As a difference: whatever it is, there is no traceback, and the audit is never clean."""
    world.ledger[key] = value
    assert not world.audit().is_clean
