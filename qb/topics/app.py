"""`qb topics`: makes what is missing, sets right what can be set, and shows the table.

Exit codes: 0 all is right, 1 a topic is missing or would lose or double money, 3 there are only warnings.
"""

import argparse
import time
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from billing.runtime.client_errors import raise_if_forbidden
from billing.runtime.kafka import KafkaUnavailableError, make_missing_topics, reached_admin, refuse_unseen
from billing.runtime.topic_check import around_of, check_topics, look_at, set_right
from billing.settings import Settings
from billing.topic_rules import Grade, Role, TopicFinding
from billing.topics import topic_specs
from qb.topics.acls import print_commands
from qb.topics.table import print_table, render_json

EXIT_RIGHT = 0
EXIT_WRONG = 1
EXIT_WARNINGS = 3
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Inspection:
    """All topics: each rule with what was found, those that are missing, and what was changed.

    Args:
        findings: every rule of every topic that exists.
        missing: names of topics that do not exist.
        mended: what was set right.
        left: what is wrong and can't be set on an existing topic.
    """

    findings: list[TopicFinding]
    missing: list[str]
    mended: list[TopicFinding]
    left: list[TopicFinding]

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        grades = {finding.grade for finding in self.findings}
        if self.missing or Grade.REFUSE in grades:
            return EXIT_WRONG
        return EXIT_WARNINGS if Grade.WARN in grades else EXIT_RIGHT


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Do what the flags say, print the table and return the exit code.

    Raises:
        KafkaUnavailableError: no broker answers.
        KafkaRefusesError: a broker does not let this client in, or does not allow something.
        OperatorError: a principal is given, but no part.
    """
    if arguments.acls:
        print_commands(settings, arguments.acls, arguments.principal)
        return EXIT_RIGHT
    admin = reached_admin(settings)
    try:
        if arguments.create:
            make_missing_topics(admin, settings, list(Role), time.monotonic() + ANSWER_SECONDS)
        inspection = inspect(admin, settings, fix=arguments.fix)
    except KafkaException as error:
        raise_if_forbidden(error, "do this with the topics")
        raise KafkaUnavailableError(f"{settings.bootstrap_servers}: {error.args[0].str()}") from error
    if arguments.json:
        print(render_json(inspection.findings, inspection.missing, inspection.mended, inspection.left))
    else:
        print_table(inspection.findings, inspection.missing, inspection.mended, inspection.left)
    return inspection.exit_code


def inspect(admin: AdminClient, settings: Settings, fix: bool = False) -> Inspection:
    """Look at all topics; with `fix`, set right what can be set before.

    Raises:
        KafkaException: no broker answers, or it refuses.
    """
    mended, left = _mend(admin, settings) if fix else ([], [])
    specs = topic_specs(settings)
    findings = check_topics(admin, settings, list(specs))
    there = {finding.topic for finding in findings}
    missing = [spec.name for spec in specs.values() if spec.name not in there]
    refuse_unseen(admin, missing)
    return Inspection(findings, missing, mended, left)


def _mend(admin: AdminClient, settings: Settings) -> tuple[list[TopicFinding], list[TopicFinding]]:
    wrong: dict[str, list[TopicFinding]] = {}
    for finding in check_topics(admin, settings, list(Role)):
        if finding.grade is not Grade.OK:
            wrong.setdefault(finding.topic, []).append(finding)
    cluster = look_at(admin, {settings.input_topic, settings.counted_topic, *wrong})
    left = []
    for topic, faults in wrong.items():
        left += set_right(admin, faults, around_of(settings, cluster, topic))
    mended = [finding for faults in wrong.values() for finding in faults if finding not in left]
    _wait_until_seen(admin, settings, mended)
    return mended, left


def _wait_until_seen(admin: AdminClient, settings: Settings, mended: list[TopicFinding]) -> None:
    """Brokers tell a change a moment after they have taken it."""
    deadline = time.monotonic() + ANSWER_SECONDS
    changed = {(finding.topic, finding.rule.setting) for finding in mended}
    while time.monotonic() < deadline:
        findings = check_topics(admin, settings, list(Role))
        if not any(f.grade is not Grade.OK and (f.topic, f.rule.setting) in changed for f in findings):
            return
        time.sleep(0.1)
