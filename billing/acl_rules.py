"""What each part must be allowed to do in Kafka, and nothing more: the one table that commands, docs and tests use.

Kafka lets who may read or write a thing also describe it, so that right is named only where it is the only one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from billing import client_names
from billing.settings import Settings
from billing.topic_rules import Role
from billing.topics import counted_role, moving_group, topic_specs


class Kind(StrEnum):
    """What a right is about, as the flags of `kafka-acls.sh` name it."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"
    CLUSTER = "cluster"


class Operation(StrEnum):
    """What a right allows, as `kafka-acls.sh` names it."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE = "Describe"
    ALTER = "Alter"
    DESCRIBE_CONFIGS = "DescribeConfigs"
    ALTER_CONFIGS = "AlterConfigs"


@dataclass(frozen=True)
class Thing:
    """What a right is about: a topic, group or transactional id.

    Args:
        kind: which of them.
        name: its name.
        begins: whether the name is only the beginning, so that all names that begin so are meant.
    """

    kind: Kind
    name: str
    begins: bool = False


@dataclass(frozen=True)
class Right:
    """One line of the table: what a part may do with a thing, and what for."""

    thing: Thing
    operations: tuple[Operation, ...]
    why: str


@dataclass(frozen=True)
class _Row:
    """A right before the settings have named the thing.

    `thing` is a topic's role or one of `_OTHERS`. `of_moving` is what is needed only where records are moved.
    """

    thing: str
    operations: tuple[Operation, ...]
    why: str
    of_moving: bool = False


_COUNTED = "counted"
_COUNTING_GROUP, _MOVING_GROUP, _LEDGER_GROUP = "counting group", "moving group", "ledger group"
_READERS_GROUP = "readers' group"
_COUNTING_IDS, _MOVING_IDS = "counting ids", "moving ids"
_INVOICER_ID, _BUDGETS_ID, _REPLAY_ID = "invoicer id", "budgets id", "replay id"
_CLUSTER = "cluster"
# What there is only where records are moved before they are counted.
_OF_MOVING = frozenset({Role.KEYED, Role.MOVED, _MOVING_GROUP, _MOVING_IDS})

_READ = (Operation.READ, Operation.DESCRIBE_CONFIGS)
_WRITE = (Operation.WRITE, Operation.DESCRIBE_CONFIGS)
_BOTH = (Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS)
_LOOK = (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS)
_SET_UP = (
    *(Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS),
    *(Operation.CREATE, Operation.ALTER, Operation.ALTER_CONFIGS),
)

_READING = _Row(_READERS_GROUP, (Operation.DESCRIBE,), "reads topics whole, without a group's offsets")

_ROWS: Mapping[str, tuple[_Row, ...]] = {
    "generate": (_Row(Role.INPUT, _WRITE, "produces events; any other producer needs Write alone"),),
    "process": (
        _Row(Role.INPUT, _READ, "reads what is to be counted, or moved"),
        _Row(Role.KEYED, _BOTH, "moves records there, and counts from there"),
        _Row(Role.MOVED, _BOTH, "keeps how far records are moved"),
        _Row(Role.SUBTOTALS, _WRITE, "publishes the sums"),
        _Row(Role.REJECTED, _WRITE, "hands on what cannot be billed"),
        _Row(Role.CHANGELOG, _BOTH, "keeps State, and restores it"),
        _READING,
        _Row(_COUNTING_GROUP, (Operation.READ,), "shares the input among the processors"),
        _Row(_MOVING_GROUP, (Operation.READ,), "shares the moving among the processors"),
        _Row(_COUNTING_IDS, (Operation.WRITE,), "commits offsets and sums in one transaction"),
        _Row(_MOVING_IDS, (Operation.WRITE,), "moves records in transactions"),
    ),
    "export": (
        _Row(Role.SUBTOTALS, _READ, "serves the sums"),
        _Row(Role.INVOICES, _READ, "serves the invoices"),
        _Row(_COUNTED, _READ, "measures the lag, and lists a customer's events"),
        _Row(Role.INPUT, _READ, "measures what waits to be moved", of_moving=True),
        _Row(_MOVING_GROUP, (Operation.DESCRIBE,), "asks how far records are moved"),
        _Row(Role.REJECTED, (Operation.READ,), "lists a customer's rejected records"),
        _READING,
    ),
    "invoice": (
        _Row(Role.SUBTOTALS, _READ, "bills the sums"),
        _Row(Role.INVOICES, _BOTH, "keeps the ledger"),
        _Row(_COUNTED, _READ, "waits until all that was sent is counted"),
        _Row(Role.INPUT, _READ, "waits until all that was sent is moved", of_moving=True),
        _Row(_MOVING_GROUP, (Operation.DESCRIBE,), "asks how far records are moved"),
        _READING,
        _Row(_LEDGER_GROUP, (Operation.READ,), "confirms how far the ledger reaches"),
        _Row(_INVOICER_ID, (Operation.WRITE,), "issues invoices in transactions, one invoicer at a time"),
    ),
    "budgets": (
        _Row(Role.SUBTOTALS, _READ, "watches the sums"),
        _Row(Role.NOTIFICATIONS, _BOTH, "keeps what was decided"),
        _READING,
        _Row(_BUDGETS_ID, (Operation.WRITE,), "decides in transactions, one at a time"),
    ),
    "notify": (
        _Row(Role.NOTIFICATIONS, _BOTH, "reads what was decided, and keeps what became of it"),
        _READING,
    ),
    "audit": (
        _Row(Role.INPUT, _READ, "recounts, and compares what was moved"),
        _Row(Role.KEYED, _READ, "recounts"),
        _Row(Role.SUBTOTALS, _READ, "compares"),
        _Row(Role.REJECTED, _READ, "compares"),
        _Row(Role.INVOICES, _READ, "compares"),
        _READING,
        _Row(_MOVING_GROUP, (Operation.DESCRIBE,), "asks how far records are moved"),
    ),
    "explain": (
        _Row(_COUNTED, (Operation.READ,), "lists events"),
        _Row(Role.SUBTOTALS, (Operation.READ,), "compares with the sums"),
        _Row(Role.REJECTED, (Operation.READ,), "says why a record was rejected"),
        _Row(Role.INVOICES, (Operation.READ,), "compares with the invoice"),
        _READING,
    ),
    "replay": (
        _Row(_COUNTED, (Operation.READ,), "recounts"),
        _Row(Role.SUBTOTALS, (Operation.READ,), "compares with the sums"),
        _Row(Role.REJECTED, (Operation.READ,), "leaves out what was rejected"),
        _READING,
        _Row(Role.INPUT, (Operation.READ,), "finds adjustments that wait to be moved", of_moving=True),
        _Row(Role.MOVED, (Operation.READ,), "asks how far records are moved"),
        _Row(Role.INPUT, (Operation.WRITE,), "with `--apply`: issues adjustments"),
        _Row(_REPLAY_ID, (Operation.WRITE,), "with `--apply`: issues them in transactions"),
    ),
    "topics": (
        *(_Row(role, _SET_UP, "checks; with `--create` and `--fix`, makes and sets right") for role in Role),
        _Row(_CLUSTER, (Operation.DESCRIBE_CONFIGS,), "asks for the brokers' default of replicas"),
    ),
    "recover": (
        _Row(_COUNTED, (Operation.READ,), "compares; with `--apply`, sets its offsets"),
        _Row(Role.SUBTOTALS, (Operation.READ,), "compares"),
        _Row(Role.CHANGELOG, (Operation.READ,), "compares"),
        _READING,
        _Row(_COUNTING_GROUP, (Operation.READ,), "asks for the offsets; with `--apply`, sets them"),
    ),
}

PARTS: tuple[str, ...] = tuple(_ROWS)
"""The parts that have a row, by the names of their commands."""


def rights_of(part: str, settings: Settings) -> tuple[Right, ...]:
    """Return what a part must be allowed to do, each thing once.

    Args:
        part: the name of its command, one of `PARTS`.
        settings: the names of topics and group, and whether records are moved.
    """
    things = _things(settings)
    merged: dict[Thing, Right] = {}
    for row in _rows(part, settings):
        thing = things[row.thing]
        before = merged.get(thing)
        operations = row.operations if before is None else _united(before.operations, row.operations)
        why = row.why if before is None else f"{before.why}; {row.why}"
        merged[thing] = Right(thing, operations, why)
    return tuple(merged.values())


def _rows(part: str, settings: Settings) -> Iterator[_Row]:
    moves = settings.dedup_scope == "topic"
    for row in _ROWS[part]:
        of_moving = row.of_moving or row.thing in _OF_MOVING
        if moves or not of_moving:
            yield row


def _united(some: tuple[Operation, ...], others: tuple[Operation, ...]) -> tuple[Operation, ...]:
    return tuple(one for one in Operation if one in some or one in others)


def _things(settings: Settings) -> dict[str, Thing]:
    topics = {role: Thing(Kind.TOPIC, spec.name) for role, spec in topic_specs(settings).items()}

    def group(name: str) -> Thing:
        return Thing(Kind.GROUP, name)

    def transactions(name: str, begins: bool = False) -> Thing:
        return Thing(Kind.TRANSACTIONAL_ID, name, begins)

    def writer(topic: str, who: str) -> Thing:
        return transactions(client_names.writer_transactional_id(topic, who))

    return {
        **topics,
        _COUNTED: topics[counted_role(settings)],
        _COUNTING_GROUP: group(settings.consumer_group),
        _MOVING_GROUP: group(moving_group(settings.keyed_topic)),
        _LEDGER_GROUP: group(client_names.ledger_group(settings)),
        _READERS_GROUP: group(client_names.READERS_GROUP),
        _COUNTING_IDS: transactions(client_names.counting_transactional_ids(settings), begins=True),
        _MOVING_IDS: transactions(client_names.moving_transactional_ids(settings), begins=True),
        _INVOICER_ID: writer(settings.invoices_topic, client_names.INVOICER),
        _BUDGETS_ID: writer(settings.notifications_topic, client_names.BUDGETS),
        _REPLAY_ID: writer(settings.input_topic, client_names.REPLAY),
        _CLUSTER: Thing(Kind.CLUSTER, "kafka-cluster"),
    }
