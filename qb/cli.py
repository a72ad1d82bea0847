"""The command `qb`: reads the command line, loads the settings and hands over to a part.

Exit codes: 0 done, 1 a part failed and said why, 2 the command line or a setting is wrong, 130 interrupted before a
part was ready to stop by itself, 141 whoever read the output left before its end.
"""

import argparse
import json
import os
import select
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from billing.acl_rules import PARTS
from billing.errors import OperatorError
from billing.masking import masker
from billing.runtime.logs import configure_logging, get_logger
from billing.settings import (
    Settings,
    SettingsError,
    describe_settings,
    load_settings,
    secrets_in,
    setting_parts,
    unknown_variables,
)

logger = get_logger(__name__)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_READER_LEFT = 141

# The demo decides these itself, from its folder and the time it has reached, and hands all others to its parts.
SET_BY_DEMO = frozenset({"output", "simulation_anchor_ms", "simulation_start_ms", "state_dir"})

Arguments = argparse.Namespace


@dataclass(frozen=True)
class Command:
    """A subcommand: what it is for, the module whose ``run(settings, arguments)`` does it, its own arguments."""

    name: str
    help: str
    module: str
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)


COMMANDS = (
    Command("demo", "everything at once on this machine, Kafka included", "qb.demo.app", {
        "--dir": {"type": Path, "default": Path("demo-data"), "help": "folder for all its data (%(default)s)"},
        "--fresh": {"action": "store_true", "help": "delete the data of earlier demos first"},
        "--kafka-port": {"type": int, "default": 9092, "help": "port of the Kafka that it starts (%(default)s)"},
        "--prometheus": {"action": "store_true", "help": "also start the prometheus on the PATH, on port 9090"},
    }),
    Command("broker", "Apache Kafka for a laptop or a test", "broker.command", {
        "--port": {"type": int, "default": 9092, "help": "port of the first node (%(default)s)"},
        "--dir": {"type": Path, "default": Path("demo-data/kafka"), "help": "folder for its data (%(default)s)"},
        "--nodes": {"type": int, "default": 1, "choices": (1, 3), "help": "1 node, or 3 that replicate (%(default)s)"},
    }),
    Command("generate", "make billable events", "generator.app"),
    Command("process", "events in, exactly-once partial subtotals out", "processor.app"),
    Command("export", "the live totals over HTTP: REST, Grafana, Prometheus, a page", "exporter.app", {
        "--standalone": {"action": "store_true", "help": "serve made-up data that changes as you watch, without Kafka"},
    }),
    Command("invoice", "close months: issue each amount once, as records and files", "invoicer.app", {
        "--month": {"metavar": "YYYY-MM", "help": "close this month and stop"},
        "--now": {"action": "store_true", "help": "with --month: do not wait for the month to be due"},
        "--dry-run": {"action": "store_true", "help": "show what would be issued and issue nothing"},
    }),
    Command("budgets", "decide which thresholds of budgets were crossed, once each", "budgets.app"),
    Command("notify", "send what was decided of budgets as signed webhooks", "notifier.app", {
        "--again": {"action": "store_true", "help": "also send what was given up, once, at the start"},
    }),
    Command("audit", "recount everything from the input and compare", "qb.audit.app", {
        "--json": {"action": "store_true", "help": "print the findings as JSON"},
        "--all": {"action": "store_true", "help": "name every difference, not only a hundred of each check"},
    }),
    Command("explain", "list the events that make up a number, and say whether they are it", "qb.explain.app", {
        "subject": {"metavar": "CUSTOMER-OR-NUMBER", "help": "a customer, or an invoice number without anything else"},
        "month": {"metavar": "YYYY-MM", "nargs": "?", "help": "the customer's month"},
        "type": {"metavar": "TYPE", "nargs": "?", "help": "one event type of it; all if none is named"},
        "--json": {"action": "store_true", "help": "print one JSON object"},
        "--csv": {"action": "store_true", "help": "print the records as CSV, and the conclusion to standard error"},
    }),
    Command("replay", "recount a month by today's or other rules, and issue what differs", "qb.replay.app", {
        "--month": {"metavar": "YYYY-MM", "required": True, "help": "the month that is recounted"},
        "--apply": {"action": "store_true", "help": "issue what differs as adjustment events on the input topic"},
        "--file": {"type": Path, "help": "where what differs is saved, as CSV or .json (replay-YYYY-MM.csv)"},
        "--chunk": {"type": int, "default": 2_000, "help": "with --apply: adjustments a transaction (%(default)s)"},
        "--accept-deleted": {"action": "store_true", "help": "take deleted input records for events of other months"},
        "--accept-rejected": {"action": "store_true", "help": "count rejected records that the rules accept"},
    }),
    Command("topics", "check the topics' settings, make missing topics, correct wrong settings", "qb.topics.app", {
        "--check": {"action": "store_true", "help": "show each setting beside what it must be, as without any flag"},
        "--create": {"action": "store_true", "help": "make the topics that do not exist"},
        "--fix": {"action": "store_true", "help": "correct what can be set on existing topics, and say what can't"},
        "--json": {"action": "store_true", "help": "print the table as JSON"},
        "--acls": {"metavar": "PART", "nargs": "?", "const": "all", "choices": ("all", *PARTS),
                   "help": "print the commands that give each part, or one, its rights in Kafka, and stop"},
        "--principal": {"metavar": "WHO", "help": "with --acls PART: who gets them, such as User:alice (User:PART)"},
    }),
    Command("keys", "give keys for the HTTP servers, list them, take them back", "qb.keys.app", {
        "action": {"choices": ("add", "list", "revoke"), "metavar": "ACTION",
                   "help": "add, list or revoke; a key is shown once, when it is added"},
        "name": {"metavar": "NAME", "nargs": "?", "help": "what the key is called: letters, digits and . _ @ -"},
        "--scope": {"action": "append", "metavar": "SCOPE",
                    "help": "with add, once for each: admin, read, metrics or customer:NAME"},
        "--expires": {"metavar": "TIME", "help": "with add: a date (midnight in UTC) or an RFC 3339 time"},
        "--days": {"type": float, "help": "with add: how many days it is taken"},
        "--json": {"action": "store_true", "help": "with list: print JSON"},
    }),
    Command("secrets", "make certificates, keys and passwords, and hand each service its own", "qb.secrets.app", {
        "--dir": {"type": Path, "required": True, "help": "folder with one for each service, and the store"},
        "--watch": {"action": "store_true", "help": "go on: renew certificates in time, hand out keys that are added"},
        "--ready-file": {"type": Path, "help": "file that is made once all is handed out"},
    }),
    Command("recover", "find out why State and offsets differ, and set offsets right", "qb.recover.app", {
        "--apply": {"action": "store_true", "help": "set the group's offsets, where that is the remedy"},
        "--delete-state": {"action": "store_true", "help": "with --apply: also delete this machine's folders of State"},
        "--json": {"action": "store_true", "help": "print what was found as JSON"},
    }),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _has_reader_left():
            raise
        return EXIT_READER_LEFT


def _has_reader_left() -> bool:
    """Return whether nobody reads standard output any more, as after `| head`; if so, what is left of it is dropped."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)
    has_left = any(event & select.POLLERR for _, event in asked.poll(0))
    if has_left:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return has_left


def _run(argv: Sequence[str] | None) -> int:
    arguments = make_parser().parse_args(argv)
    command: Command = arguments.command
    try:
        settings = load_settings(_flags(arguments), config_file=arguments.config)
    except SettingsError as error:
        return _complain(str(error), EXIT_USAGE)
    if arguments.check_config:
        try:
            _check_files(command, settings)
        except OperatorError as error:
            return _complain(str(error), EXIT_USAGE)
        print(json.dumps(describe_settings(settings), indent=2))
        return 0
    mask = masker(secrets_in(settings))
    configure_logging(settings.log_level, mask)
    for variable, meant in unknown_variables(os.environ).items():
        logger.warning("environment variable names no setting", variable=variable, perhaps=meant)
    run: Callable[[Settings, Arguments], int] = import_module(command.module).run
    try:
        return run(settings, arguments)
    except OperatorError as error:
        return _complain(mask(str(error)), EXIT_FAILED)
    except KafkaException as error:
        return _complain(mask(f"Kafka refuses: {error.args[0].str()}"), EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _check_files(command: Command, settings: Settings) -> None:
    """Check what the settings alone do not tell, for a command that lets people in by it."""
    if is_offered(command.name, "web_config_file"):
        from billing.runtime.access.access import check_files

        check_files(settings)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, with a flag for each setting that a command's part reads."""
    parser = argparse.ArgumentParser(
        prog="qb",
        description="Queryable Billing: billing without a database.",
        epilog="Each setting is also a variable QB_NAME and a line of the YAML file named by --config or QB_CONFIG.",
    )
    parser.add_argument("--version", action="version", version=f"qb {version('queryable-billing')}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        subparser.set_defaults(command=command)
        for flag, options in command.arguments.items():
            subparser.add_argument(flag, **options)
        _add_settings(subparser, command.name)
    return parser


def is_offered(command: str, setting: str) -> bool:
    """Say whether a command has a flag for a setting: its part reads it, or the demo hands it to a part that does."""
    if command == "demo":
        return setting not in SET_BY_DEMO
    return command in setting_parts(setting)


def _add_settings(parser: argparse.ArgumentParser, part: str) -> None:
    group = parser.add_argument_group("settings")
    group.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings")
    group.add_argument("--check-config", action="store_true", help="print the settings in force and stop")
    for name, model_field in Settings.model_fields.items():
        if is_offered(part, name):
            group.add_argument(
                f"--{name.replace('_', '-')}",
                dest=f"setting_{name}",
                default=argparse.SUPPRESS,
                metavar="VALUE",
                help=f"{model_field.description} ({_shown(model_field.default)})".replace("%", "%%"),
            )


def _shown(default: object) -> str:
    return (",".join(default) if isinstance(default, tuple) else str(default)) or "''"


def _flags(arguments: Arguments) -> dict[str, object]:
    prefix = "setting_"
    return {name.removeprefix(prefix): value for name, value in vars(arguments).items() if name.startswith(prefix)}


def _complain(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"qb: {line}", file=sys.stderr)
    return code
