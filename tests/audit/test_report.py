"""What the audit prints."""

import io
import json
from pathlib import Path

from qb.audit.findings import KEPT_PER_CHECK, Check, Findings
from qb.audit.report import print_report, render_json


def printed(findings: Findings) -> str:
    file = io.StringIO()
    print_report(findings, file)
    return file.getvalue()


def found() -> Findings:
    findings = Findings(figures={"accepted": 1_234_567, "billed": "3.000000"}, notes=["files: no folder invoices"])
    for n in range(KEPT_PER_CHECK + 5):
        findings.add(Check.CUSTOMERS, f"[red]Customer[/red] {n}", "1.000000 (1)", "2.000000 (1)")
    findings.add(Check.FILES, "invoices.csv", 3, 4)
    return findings


def test_a_clean_audit_says_so() -> None:
    """Figures, then that nothing differs."""
    text = printed(Findings(figures={"accepted": 1_234_567}))
    assert "1,234,567" in text
    assert "clean: nothing differs" in text


def test_differences_are_a_table() -> None:
    """Each with what it should be and is; past a hundred of a check only their number; names are plain text."""
    text = printed(found())
    assert "[red]Customer[/red] 0" in text.replace("\n", "")
    assert "1.000000 (1)" in text
    assert "and 5 more" in text
    assert "differences: 106" in text
    assert "not checked: files: no folder invoices" in text


def test_all_of_a_check_can_be_named() -> None:
    """Without a bound every difference is kept, and none is left to count."""
    findings = Findings(kept_per_check=None)
    for n in range(KEPT_PER_CHECK + 5):
        findings.add(Check.NUMBERS, f"invoice {n}", "one invoice", "two")
    assert len(findings.differences) == KEPT_PER_CHECK + 5
    assert "more" not in printed(findings)


def test_json_has_it_all() -> None:
    """A program gets the same, complete with the checks that found nothing."""
    report = json.loads(render_json(found()))
    assert report["clean"] is False
    assert report["figures"] == {"accepted": 1_234_567, "billed": "3.000000"}
    assert report["checks"] == {check.value: 0 for check in Check} | {"customers": 105, "files": 1}
    assert len(report["differences"]) == KEPT_PER_CHECK + 1
    assert report["differences"][-1] == {"check": "files", "subject": "invoices.csv", "expected": "3", "found": "4"}
    assert report["notes"] == ["files: no folder invoices"]
    assert json.loads(render_json(Findings()))["clean"] is True


def test_the_page_about_the_audit_explains_each_check() -> None:
    """docs/audit.md has a row for each."""
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    assert [row.split("`")[1] for row in page.splitlines() if row.startswith("| `")] == [check.value for check in Check]
