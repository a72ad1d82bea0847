"""What `qb recover` prints, for people and as JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from billing.subtotal import Progress
from qb.recover.conclusion import Conclusion
from qb.recover.facts import Counted, Facts, Names, PartitionFacts
from qb.recover.rules import Finding, Kind

_COLUMNS = ("partition", "input", "group", "State", "subtotals", "finding")
_FINE = (Kind.RIGHT, Kind.NOT_COUNTED)


def print_report(
    facts: Facts, names: Names, findings: Sequence[Finding], conclusion: Conclusion, file: TextIO | None = None
) -> None:
    """Print a row and a sentence for each input partition, then the conclusion and what to do."""
    console = Console(file=file, highlight=False)
    for line in _heading(facts, names):
        console.print(Text(line), soft_wrap=True)
    console.print(_table(facts, findings))
    for finding in findings:
        console.print(Text(f"partition {finding.partition}: {finding.sentence}"), soft_wrap=True)
    console.print(Text(conclusion.sentence, style="green" if conclusion.is_right else "bold red"), soft_wrap=True)
    for number, step in enumerate(conclusion.steps, 1):
        console.print(Text(f"  {number}. {step}"), soft_wrap=True)  # commands are copied
    if not conclusion.is_right:
        console.print(Text(f"see {conclusion.section}"))


def render_json(
    facts: Facts, names: Names, findings: Sequence[Finding], conclusion: Conclusion, applied: dict[int, int] | None
) -> str:
    """Return everything as a JSON object; `applied` are the offsets that were set, None if none were."""
    return json.dumps(
        {
            "input": {"topic": names.input_topic, "id": facts.topic_id},
            "group": {"name": names.group, "members": list(facts.members)},
            "changelog": {"topic": names.changelog, "exists": facts.has_changelog},
            "state_folders": [str(folder) for folder in facts.state_folders],
            "partitions": [_document(one, finding) for one, finding in zip(facts.partitions, findings, strict=True)],
            "conclusion": {
                "finding": conclusion.kind,
                "sentence": conclusion.sentence,
                "steps": list(conclusion.steps),
                "runbook": conclusion.section,
            },
            "applied": applied,
        },
        indent=2,
    )


def _heading(facts: Facts, names: Names) -> Iterator[str]:
    yield f"input {names.input_topic}, topic id {facts.topic_id}" if facts.topic_id else f"no topic {names.input_topic}"
    members = f"members: {', '.join(facts.members)}" if facts.members else "no members"
    yield f"group {names.group}, {members}"
    if facts.members:
        yield "the figures move while processors count: stop them before you believe a difference"
    yield f"changelog {names.changelog}" + ("" if facts.has_changelog else ": does not exist")
    for folder in facts.state_folders:
        yield f"State on this machine: {folder}"


def _table(facts: Facts, findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for one, finding in zip(facts.partitions, findings, strict=True):
        log = f"{one.log.start} to {one.log.end}" if one.log else "-"
        committed = "-" if one.committed is None else str(one.committed)
        cells = (str(one.partition), log, committed, _shown(one.state), _shown(one.published))
        style = "green" if finding.kind in _FINE else "bold red"
        table.add_row(*map(Text, cells), Text(finding.kind, style=style))
    return table


def _shown(counted: Counted) -> str:
    offset = _next_offset(counted)
    return "-" if counted is None else "unreadable" if offset is None else str(offset)


def _next_offset(counted: Counted) -> int | None:
    return counted.next_offset if isinstance(counted, Progress) else None


def _document(one: PartitionFacts, finding: Finding) -> dict[str, object]:
    return {
        "partition": one.partition,
        "input_start": one.log.start if one.log else None,
        "input_end": one.log.end if one.log else None,
        "committed_offset": one.committed,
        "state_next_offset": _next_offset(one.state),
        "published_next_offset": _next_offset(one.published),
        "finding": finding.kind,
        "sentence": finding.sentence,
        "set_offset": finding.offset,
    }
