"""`qb recover`: looks, says what it found, and with `--apply` sets the group's offsets where that is the remedy.

Exit codes: 0 there is nothing to do, or it was done; 1 there is something to do.
"""

import argparse

from confluent_kafka import KafkaException

from billing.runtime.client_errors import raise_if_forbidden
from billing.runtime.kafka import KafkaUnavailableError, reached_admin
from billing.settings import Settings
from qb.recover.applying import apply_offsets
from qb.recover.conclusion import Conclusion, conclude
from qb.recover.facts import Facts, Names
from qb.recover.group import Group
from qb.recover.reading import names_of, read_facts
from qb.recover.report import print_report, render_json
from qb.recover.rules import judge_all

EXIT_RIGHT = 0
EXIT_WRONG = 1


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print what is found, apply it if asked to, and return the exit code.

    Raises:
        OperatorError: no broker answers, a topic can't be read, or what was asked for was not applied.
    """
    try:
        return _run(settings, arguments)
    except KafkaException as error:
        raise_if_forbidden(error, f"ask for group {settings.consumer_group} or set its offsets")
        raise KafkaUnavailableError(f"{settings.bootstrap_servers}: {error.args[0].str()}; try again") from error


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    names = names_of(settings)
    group = Group(reached_admin(settings), names.group, names.input_topic)
    facts = read_facts(settings, group)
    findings = judge_all(facts, names)
    conclusion = conclude(findings, facts, names)
    if not arguments.json:
        print_report(facts, names, findings, conclusion)
    applied = None
    if arguments.apply and conclusion.offsets:
        folders = facts.state_folders if arguments.delete_state else ()
        applied = apply_offsets(conclusion, lambda: read_facts(settings, group), names, group, folders)
    if arguments.json:
        print(render_json(facts, names, findings, conclusion, applied))
    elif arguments.apply:
        _print_applied(applied, facts, names, conclusion, arguments.delete_state)
    return EXIT_RIGHT if conclusion.is_right or applied is not None else EXIT_WRONG


def _print_applied(
    applied: dict[int, int] | None, facts: Facts, names: Names, conclusion: Conclusion, deleted: bool
) -> None:
    if applied is None:
        print("nothing was set:", "there is nothing to set" if conclusion.is_right else "no offset is the remedy here")
        return
    for partition in conclusion.offsets:
        print(f"set: group {names.group}, {names.input_topic}[{partition}] to offset {applied[partition]}")
    for folder in facts.state_folders:
        print(f"deleted: {folder}" if deleted else f"delete before you start a processor: {folder}")
    print(f"on each other machine, delete the folders */{names.group} below state_dir; then start the processors")
