"""What to do about each kind of finding: a sentence, the steps, and the runbook's section. Pure."""

from qb.recover.facts import Facts, Names
from qb.recover.rules import Kind

RUNBOOK = "docs/runbook.md"
INPUT_DELETED = f"{RUNBOOK}#input-deleted"
_STOP_PROCESSORS = "stop all processors and wait until the group has no members: up to 10 seconds"

Remedy = tuple[str, tuple[str, ...], str]


def _nothing(facts: Facts, names: Names) -> Remedy:
    sentence = (
        "Nothing to do: changelog, totals, offsets and input belong together. If a processor stops all the same, "
        "delete its folder of State."
    )
    return sentence, (), "state-and-offsets"


def _set_offset(facts: Facts, names: Names) -> Remedy:
    return (
        "The group was lost or reset; State and totals are whole. Set the group's offsets to where State counts.",
        (
            _STOP_PROCESSORS,
            "qb recover --apply --delete-state",
            f"on each other machine, delete the folders */{names.group} below state_dir",
            "start the processors; when the lag is 0, `qb audit` must find no difference",
        ),
        "state-and-offsets",
    )


def _stray_offset(facts: Facts, names: Names) -> Remedy:
    return (
        "The group has an offset of a partition of which nothing was counted: a reset gave it one.",
        (
            _STOP_PROCESSORS,
            f"kafka-consumer-groups.sh --bootstrap-server {names.servers} --delete --group {names.group}",
            "run `qb recover` again: it finds the group deleted, and --apply sets the offsets of what was counted",
        ),
        "state-and-offsets",
    )


def _count_again(facts: Facts, names: Names) -> Remedy:
    sentence = (
        "State, changelog or totals are lost in part, and no offset brings them back. Count again from the input."
    )
    return sentence, _counting_again(facts, names), "count-again"


def _counting_again(facts: Facts, names: Names) -> tuple[str, ...]:
    cut = [str(one.partition) for one in facts.partitions if one.log is not None and one.log.start > 0]
    deleted = f"the input lacks its first records in partition {', '.join(cut)}: put them in front, see {INPUT_DELETED}"
    return (*([deleted] if cut else []), "stop the processors and the invoicer", *_commands(facts.free_number, names))


def _commands(number: int, names: Names, input_topic: str = "") -> tuple[str, ...]:
    new = (
        f"--consumer-group {numbered_group(names.group, number)} "
        f"--subtotals-topic {numbered_topic(names.subtotals_topic, number)} "
        f"--rejected-topic {numbered_topic(names.rejected_topic, number)}"
    )
    if input_topic:
        new = f"--input-topic {input_topic} {new}"
    return (
        f"qb process {new} --state-dir state-{number}",
        f"when the lag is 0: qb audit {new}",
        f"if it finds no difference: qb export {new}",
        f"and: qb invoice {new}",
    )


def _input_deleted(facts: Facts, names: Names) -> Remedy:
    return (
        "Input records were deleted before they were read. No offset is set past a gap.",
        ("find the missing events and count again from an input that has them",),
        "input-deleted",
    )


def _other_input(facts: Facts, names: Names) -> Remedy:
    now = "is gone" if facts.topic_id is None else "is not the one that was counted"
    sentence = (
        f"The input {names.input_topic} {now}: it was deleted or made anew, or lost its newest records. No offset is "
        "set, or the first events of the new input would never be counted."
    )
    restored = numbered_topic(names.input_topic, facts.free_number)
    steps = (
        "stop the processors, the invoicer and the senders; leave the old topics as they are",
        f"if the old events can be had: write them into the topic {restored}, the new ones behind them; then",
        *_commands(facts.free_number, names, restored),
        "if they are gone for good: put the new events behind the old offsets, as the runbook says",
    )
    return sentence, steps, "input-made-anew"


def _other_zone(facts: Facts, names: Names) -> Remedy:
    steps = ("set time_zone back for all parts, or count again",)
    return "The setting time_zone is not the zone that was counted by.", steps, "time-zone-changed"


def _unreadable(facts: Facts, names: Names) -> Remedy:
    steps = ("find out who wrote it and stop that", *_counting_again(facts, names))
    return "A record that no processor wrote stands in place of a progress record.", steps, "unreadable-record"


def _older_version(facts: Facts, names: Names) -> Remedy:
    steps = _counting_again(facts, names)
    return "An earlier version of this program wrote State and totals. Count again.", steps, "older-version"


def _newer_version(facts: Facts, names: Names) -> Remedy:
    steps = ("update this program",)
    return "A later version of this program wrote State and totals.", steps, "newer-version"


REMEDIES = {
    Kind.RIGHT: _nothing,
    Kind.NOT_COUNTED: _nothing,
    Kind.SET_OFFSET: _set_offset,
    Kind.STRAY_OFFSET: _stray_offset,
    Kind.COUNT_AGAIN: _count_again,
    Kind.INPUT_DELETED: _input_deleted,
    Kind.OTHER_INPUT: _other_input,
    Kind.OTHER_ZONE: _other_zone,
    Kind.UNREADABLE: _unreadable,
    Kind.OLDER_VERSION: _older_version,
    Kind.NEWER_VERSION: _newer_version,
}


def numbered_topic(name: str, number: int) -> str:
    """Return the name of a topic of a further count: `billing.subtotals.2`."""
    return f"{_without_number(name, '.')}.{number}"


def numbered_group(name: str, number: int) -> str:
    """Return the name of the group of a further count: `billing-2`."""
    return f"{_without_number(name, '-')}-{number}"


def _without_number(name: str, separator: str) -> str:
    stem, _, last = name.rpartition(separator)
    return stem if stem and last.isdigit() else name
