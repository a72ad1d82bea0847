"""The table of `qb topics`, for people and as JSON."""

import json
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from billing.topic_rules import TOPICS_RUNBOOK, Grade, TopicFinding

_STYLES = {Grade.OK: "green", Grade.WARN: "yellow", Grade.REFUSE: "bold red"}


def render_json(
    findings: Iterable[TopicFinding],
    missing: Sequence[str],
    mended: Iterable[TopicFinding],
    left: Iterable[TopicFinding],
) -> str:
    """Return everything as a JSON object."""
    return json.dumps(
        {
            "settings": [_document(finding) for finding in findings],
            "missing": list(missing),
            "mended": [_document(finding) for finding in mended],
            "left": [_document(finding) for finding in left],
        },
        indent=2,
    )


def print_table(
    findings: Iterable[TopicFinding],
    missing: Sequence[str],
    mended: Iterable[TopicFinding],
    left: Iterable[TopicFinding],
    file: TextIO | None = None,
) -> None:
    """Print the table, then what is missing, what was changed, and what each fault costs."""
    console = Console(file=file, highlight=False)
    findings = list(findings)
    console.print(_table(findings))
    for name in missing:
        console.print(Text(f"missing: {name}; `qb topics --create` makes it", style="bold red"))
    for finding in mended:
        lost = f"; this does not bring back {finding.rule.beyond_repair}" if finding.rule.beyond_repair else ""
        console.print(Text(f"set right: {finding.topic} {finding.rule.setting}, was {finding.found}{lost}"))
    for finding in left:
        console.print(Text(f"can't be set on an existing topic: {finding.sentence}", style="yellow"))
    for finding in findings:
        if finding.grade is not Grade.OK and finding not in left:
            console.print(Text(f"{finding.grade}: {finding.sentence}", style=_STYLES[finding.grade]))
    if any(finding.grade is not Grade.OK for finding in findings):
        console.print(Text(f"see {TOPICS_RUNBOOK}"))


def _table(findings: Iterable[TopicFinding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("topic", "setting", "is", "must be", "verdict"):
        table.add_column(column, overflow="fold")
    before = ""
    for finding in findings:
        topic, before = "" if finding.topic == before else finding.topic, finding.topic
        found = "not known to this broker" if finding.found is None else finding.found
        cells = (topic, finding.rule.setting, found, finding.rule.must_be)
        table.add_row(*map(Text, cells), Text(finding.grade, style=_STYLES[finding.grade]))
    return table


def _document(finding: TopicFinding) -> dict[str, object]:
    return {
        "topic": finding.topic,
        "role": finding.role,
        "setting": finding.rule.setting,
        "is": finding.found,
        "must_be": finding.rule.must_be,
        "verdict": finding.grade,
        "why": finding.rule.why,
    }
