"""What each topic must be, setting by setting: what it is made with, what is allowed, and what a wrong value costs.

Two grades. *Refuse*: money is lost or doubled, so no part starts on such a topic or writes to it. *Warn*: a loss
becomes possible, or billing would stop; the part goes on and says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

TOPICS_RUNBOOK = "docs/runbook.md#topics-wrong"

# What a broker takes in one request at the most (its `socket.request.max.bytes`). A record of the input, however large
# it was allowed to be, fits into a topic with this limit, with the headers that a rejected record gets.
LARGEST_RECORD_BYTES = 104_857_600
# What Kafka calls "for ever", and "without limit" where -1 is not taken.
FOR_EVER = -1
NO_LIMIT_MS = 2**63 - 1
USUAL_RECORD_BYTES = 1_048_588
# Headers that a rejected or a moved record gets, beside what it was.
_HEADERS_EXTRA_BYTES = 16_384
_EVENT_EXTRA_BYTES = 1_024
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

PARTITIONS = "partitions"
REPLICATION = "replication.factor"


class Role(StrEnum):
    """What a topic is for."""

    INPUT = "input"
    KEYED = "keyed"
    MOVED = "moved"
    SUBTOTALS = "subtotals"
    REJECTED = "rejected"
    INVOICES = "invoices"
    NOTIFICATIONS = "notifications"
    CHANGELOG = "changelog"


class Grade(StrEnum):
    """What a value means for billing."""

    OK = "ok"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True)
class TopicState:
    """A topic as the broker tells it: `config` holds every setting in force, its own or inherited."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Around:
    """What a rule compares a topic with: the cluster, the topic's replicas, the input, the longest event.

    What is None is not known, and no rule refuses for it. `input_partitions` are those of the topic counted from.
    """

    brokers: int
    replication_factor: int
    input_partitions: int | None = None
    input_record_bytes: int | None = None
    max_event_bytes: int = 0
    keyed_partitions: int | None = None


@dataclass(frozen=True)
class Rule:
    """What one setting of a topic must be.

    Args:
        setting: Kafka's name of it, or `partitions` or `replication.factor`.
        must_be: what is allowed, for people.
        wrong: what any other value means.
        why: what another value does, in a sentence's second half.
        allows: whether a value is allowed.
        made_with: the value that a new topic gets and that `qb topics --fix` sets; None where it cannot be set so.
        beyond_repair: what setting it right does not bring back.
    """

    setting: str
    must_be: str
    wrong: Grade
    why: str
    allows: Callable[[str, Around], bool]
    made_with: str | None = None
    beyond_repair: str = ""


@dataclass(frozen=True)
class TopicFinding:
    """A setting of a topic beside its rule: `found` None is one that this broker does not know."""

    role: Role
    topic: str
    rule: Rule
    found: str | None
    grade: Grade

    @property
    def sentence(self) -> str:
        """What is wrong, what is allowed and why, without what to do."""
        rule = self.rule
        return f"topic {self.topic}: {rule.setting} is {self.found}, must be {rule.must_be}: {rule.why}"


def judge_topic(role: Role, state: TopicState, around: Around) -> list[TopicFinding]:
    """Return each rule of a topic with the value found, in the order of the table."""
    values = {**state.config, PARTITIONS: str(state.partitions), REPLICATION: str(state.replication_factor)}
    return [_judge(role, state.name, rule, values.get(rule.setting), around) for rule in RULES[role]]


def made_config(role: Role, replication_factor: int | None) -> dict[str, str]:
    """Return the configuration that a new topic gets: every setting that has a rule, and how it is compacted.

    Args:
        role: what the topic is for.
        replication_factor: how many replicas it gets; None if that is not known.
    """
    config = {rule.setting: rule.made_with for rule in RULES[role] if rule.made_with is not None}
    if role in _COMPACTED_ROLES:
        config |= {"min.cleanable.dirty.ratio": "0.1", "segment.ms": "600000"}
    if replication_factor is not None:
        config[MIN_IN_SYNC] = str(min_in_sync(replication_factor))
    return config


def min_in_sync(replication_factor: int) -> int:
    """Return how many replicas must have a record before it counts as written: any one of three may be away."""
    return 2 if replication_factor >= 3 else 1


def _judge(role: Role, topic: str, rule: Rule, found: str | None, around: Around) -> TopicFinding:
    grade = Grade.OK if found is None or rule.allows(found, around) else rule.wrong
    return TopicFinding(role, topic, rule, found, grade)


def _exactly(wanted: str) -> Callable[[str, Around], bool]:
    return lambda found, _: found == wanted


def _at_least(least: int) -> Callable[[str, Around], bool]:
    return lambda found, _: int(found) >= least


def _cleanup(policy: str, why: str, beyond_repair: str) -> Rule:
    return Rule("cleanup.policy", policy, Grade.REFUSE, why, _exactly(policy), policy, beyond_repair)


def _kept_for_ever(why: str) -> tuple[Rule, Rule]:
    for_ever, gone = str(FOR_EVER), "records that were deleted"
    return (
        Rule("retention.ms", "-1 (for ever)", Grade.WARN, why, _exactly(for_ever), for_ever, gone),
        Rule("retention.bytes", "-1 (no limit)", Grade.WARN, why, _exactly(for_ever), for_ever, gone),
    )


def _record_bytes(must_be: str, why: str, allows: Callable[[str, Around], bool], made_with: int) -> Rule:
    return Rule("max.message.bytes", must_be, Grade.WARN, why, allows, str(made_with))


MIN_IN_SYNC = "min.insync.replicas"

_REPLICAS = (
    Rule(
        REPLICATION,
        "at least 3, or one on each broker",
        Grade.WARN,
        "the records on a broker that is lost are lost",
        lambda found, around: int(found) >= min(3, around.brokers),
    ),
    Rule(
        MIN_IN_SYNC,
        "2 with three replicas or more, 1 with fewer",
        Grade.WARN,
        "a record that counts as written may be lost with one broker, or one broker's absence stops billing",
        lambda found, around: min_in_sync(around.replication_factor) <= int(found) < max(2, around.replication_factor),
    ),
)


def _unclean(wrong: Grade) -> Rule:
    return Rule(
        "unclean.leader.election.enable",
        "false",
        wrong,
        "a replica that lacks records may become the leader, and they are gone",
        _exactly("false"),
        "false",
        "records that such a leader lacked",
    )


_STAMPS = (
    Rule(
        "message.timestamp.type",
        "CreateTime or LogAppendTime",
        Grade.WARN,
        "records have no time that can be read",
        lambda found, _: found in ("CreateTime", "LogAppendTime"),
        "CreateTime",
    ),
    Rule(
        "message.timestamp.before.max.ms",
        "at least a day",
        Grade.WARN,
        "the broker refuses records that a producer stamped earlier",
        _at_least(_DAY_MS),
        str(NO_LIMIT_MS),
    ),
    Rule(
        "message.timestamp.after.max.ms",
        "at least an hour",
        Grade.WARN,
        "the broker refuses records of a producer whose clock is ahead",
        _at_least(_HOUR_MS),
        str(NO_LIMIT_MS),
    ),
)

_COMPACTION = (
    Rule(
        "delete.retention.ms",
        "at least an hour",
        Grade.WARN,
        "a slow reader misses that a key was deleted",
        _at_least(_HOUR_MS),
        str(_DAY_MS),
    ),
    Rule(
        "min.compaction.lag.ms",
        "a week at most",
        Grade.WARN,
        "the topic is hardly compacted, and each start reads more",
        lambda found, _: int(found) <= 7 * _DAY_MS,
        "0",
    ),
)

_ANY_PARTITIONS = Rule(PARTITIONS, "any number", Grade.WARN, "", _at_least(1))
_OWN_RECORDS = _record_bytes(
    f"at least {USUAL_RECORD_BYTES}",
    "a record that billing writes may not fit, and billing stops",
    _at_least(USUAL_RECORD_BYTES),
    USUAL_RECORD_BYTES,
)


def _compacted(partitions: Rule, lost: str) -> tuple[Rule, ...]:
    return (
        _cleanup("compact", f"retention deletes {lost}", f"{lost} that retention deleted"),
        *_kept_for_ever(f"with the cleanup policy changed, it would delete {lost}"),
        *_COMPACTION,
        partitions,
        *_REPLICAS,
        *_STAMPS,
        _OWN_RECORDS,
        _unclean(Grade.REFUSE),
    )


def _fits_with_headers(found: str, around: Around) -> bool:
    least = (around.input_record_bytes or USUAL_RECORD_BYTES) + _HEADERS_EXTRA_BYTES
    return int(found) >= min(least, LARGEST_RECORD_BYTES)


RULES: Mapping[Role, tuple[Rule, ...]] = {
    Role.INPUT: (
        _cleanup(
            "delete",
            "of all events with the same key only the newest stays, the others are never billed",
            "events that compaction removed",
        ),
        *_kept_for_ever("events that are deleted cannot be audited, nor counted again, nor at all if unread"),
        _ANY_PARTITIONS,
        *_REPLICAS,
        *_STAMPS,
        _record_bytes(
            "at least `max_event_bytes` and 1,024 more",
            "the broker refuses events that billing would take",
            lambda found, around: int(found) >= around.max_event_bytes + _EVENT_EXTRA_BYTES,
            USUAL_RECORD_BYTES,
        ),
        _unclean(Grade.WARN),
    ),
    Role.KEYED: (
        _cleanup(
            "delete",
            "of all events with the same key only the newest stays, the others are never billed",
            "events that compaction removed",
        ),
        *_kept_for_ever("moved events that are deleted cannot be audited, nor counted again, nor at all if unread"),
        Rule(
            PARTITIONS,
            "`keyed_partitions`",
            Grade.REFUSE,
            "customers move to other partitions than their ids",
            lambda found, around: around.keyed_partitions in (None, int(found)),
        ),
        *_REPLICAS,
        *_STAMPS,
        _record_bytes(
            f"that of the input and {_HEADERS_EXTRA_BYTES:,} more, {LARGEST_RECORD_BYTES:,} at most",
            "a large record does not fit, and moving stops",
            _fits_with_headers,
            LARGEST_RECORD_BYTES,
        ),
        _unclean(Grade.WARN),
    ),
    Role.MOVED: _compacted(
        Rule(PARTITIONS, "1", Grade.WARN, "how far records are moved is told on the first one only", _exactly("1")),
        "how far records are moved",
    ),
    Role.SUBTOTALS: _compacted(_ANY_PARTITIONS, "subtotals"),
    Role.REJECTED: (
        _cleanup(
            "delete",
            "of all rejected records with the same key only the newest stays",
            "rejected records that compaction removed",
        ),
        *_kept_for_ever("rejected records that are deleted can never be mended and billed"),
        _ANY_PARTITIONS,
        *_REPLICAS,
        *_STAMPS,
        _record_bytes(
            f"that of the input and {_HEADERS_EXTRA_BYTES:,} more, {LARGEST_RECORD_BYTES:,} at most",
            "a large record that cannot be billed does not fit, and the processor stops",
            _fits_with_headers,
            LARGEST_RECORD_BYTES,
        ),
        _unclean(Grade.WARN),
    ),
    Role.INVOICES: _compacted(
        Rule(PARTITIONS, "1", Grade.WARN, "the ledger is written to the first one only", _exactly("1")),
        "issued invoices, which are then issued again",
    ),
    Role.NOTIFICATIONS: _compacted(
        Rule(PARTITIONS, "1", Grade.WARN, "the ledger is written to the first one only", _exactly("1")),
        "notifications, which are then told again",
    ),
    Role.CHANGELOG: _compacted(
        Rule(
            PARTITIONS,
            "as many as the input has",
            Grade.REFUSE,
            "sums of an input partition have no place, or belong to one that is gone",
            lambda found, around: around.input_partitions in (None, int(found)),
        ),
        "State",
    ),
}

_COMPACTED_ROLES = frozenset({Role.MOVED, Role.SUBTOTALS, Role.INVOICES, Role.NOTIFICATIONS, Role.CHANGELOG})
