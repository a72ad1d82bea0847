"""What an audit prints: tables for people, JSON for programs."""

import json
from dataclasses import asdict
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qb.audit.findings import Check, Findings


def render_json(findings: Findings) -> str:
    """Return the findings as a JSON object; sums of money are decimal strings in its figures."""
    return json.dumps(
        {
            "clean": findings.is_clean,
            "figures": findings.figures,
            "checks": {check.value: findings.totals[check] for check in Check},
            "differences": [asdict(difference) for difference in findings.differences],
            "notes": findings.notes,
        },
        indent=2,
        ensure_ascii=False,
    )


def print_report(findings: Findings, file: TextIO | None = None) -> None:
    """Print figures, then the differences or that there are none, then what was not checked."""
    console = Console(file=file, highlight=False)
    figures = Table(show_header=False, box=None, pad_edge=False)
    figures.add_column(style="bold")
    figures.add_column(justify="right")
    for name, value in findings.figures.items():
        figures.add_row(name, f"{value:,}" if isinstance(value, int) else value)
    console.print(figures)
    console.print()
    if findings.is_clean:
        console.print(Text("clean: nothing differs", style="bold green"))
    else:
        console.print(_differences(findings))
        console.print(Text(f"differences: {findings.totals.total():,}", style="bold red"))
    for note in findings.notes:
        console.print(Text(f"not checked: {note}", style="yellow"))


def _differences(findings: Findings) -> Table:
    table = Table(title="Differences", title_justify="left")
    for column in ("check", "of", "should be", "is"):
        table.add_column(column, overflow="fold")
    for difference in findings.differences:
        # As plain text: a customer's name may look like markup.
        row = (difference.check.value, difference.subject, difference.expected, difference.found)
        table.add_row(*(Text(cell) for cell in row))
    for check, total in findings.totals.items():
        if more := total - sum(difference.check is check for difference in findings.differences):
            table.add_row(check.value, f"and {more:,} more: --all names them", "", "")
    return table
