"""The audit of the invoice files finds a difference of each kind."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.ledger import MonthCloseKey, decode_close, encode_key
from billing.settings import Settings
from invoicer.files.month_folder import MonthFolder
from qb.audit.findings import Check, Findings
from tests.audit.world import World

MONTHS = ("2017-01", "2017-02")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two closed months with the files that the invoicer makes of them."""
    world = World()
    world.settings = Settings.model_validate({**world.settings.model_dump(), "output": tmp_path / "invoices"})
    for month, count in zip(MONTHS, (308, 580), strict=True):
        folder = MonthFolder(world.settings.output, month)
        for invoice in world.close(month, count):
            folder.add(invoice)
        folder.finish(decode_close(world.ledger[encode_key(MonthCloseKey(month))] or b""))
    return world


def only_files(findings: Findings) -> list[str]:
    assert set(findings.totals) == {Check.FILES}
    return [difference.subject for difference in findings.differences]


def test_the_files_of_the_invoicer_are_clean(world: World) -> None:
    """Every file says what the ledger says."""
    findings = world.audit()
    assert findings.differences == []
    assert findings.notes == []


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a file, and its checksums so that they do not give it away."""
    path.write_text(change(path.read_text()))
    folder = next(parent for parent in path.parents if (parent / "manifest.json").exists())
    name = path.relative_to(folder).as_posix()
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = {listed: sha256 for sha256, listed in lines}
    sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text("".join(f"{sha256}  {listed}\n" for listed, sha256 in sums.items()))
    manifest = json.loads((folder / "manifest.json").read_text())
    for listed, of in manifest["files"].items():
        of["sha256"] = hashlib.sha256((folder / listed).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("invoices.csv", "Charlie", "Charles"),
        ("lines.csv", "adjustment", "line"),
        ("invoices.jsonl", '"currency":"EUR"', '"currency":"USD"'),
        ("pages/000/2017-02-000003.html", "2017-02-000003", "2017-02-000004"),
    ],
)
def test_another_content_is_found(world: World, name: str, old: str, new: str) -> None:
    """What differs from the ledger is found though all checksums are right."""
    edit(world.settings.output / "2017-02" / name, lambda text: text.replace(old, new))
    subjects = only_files(world.audit())
    assert all(name in subject or "page of 2017-02-000003" in subject for subject in subjects)


@pytest.mark.parametrize("name", ["invoices.csv", "lines.csv", "invoices.jsonl"])
@pytest.mark.parametrize("change", [lambda lines: lines[:-1], lambda lines: [*lines, lines[-1]]])
def test_a_line_too_few_or_too_many_is_found(world: World, name: str, change: Callable[[list[str]], list[str]]) -> None:
    """Files end where the ledger does."""
    edit(world.settings.output / "2017-01" / name, lambda text: "".join(change(text.splitlines(keepends=True))))
    (subject,) = only_files(world.audit())
    assert f"2017-01/{name}, entry" in subject


def test_a_wrong_checksum_is_found(world: World) -> None:
    """A page that was touched is found by its checksum, whatever it says."""
    page = next((world.settings.output / "2017-01" / "pages").rglob("*.html"))
    page.write_text(page.read_text() + " ")
    (subject,) = only_files(world.audit())
    assert subject.endswith("checksum in SHA256SUMS")


def test_a_missing_file_is_found(world: World) -> None:
    """Each missing file is reported, and the rest is still checked."""
    folder = world.settings.output / "2017-01"
    (folder / "invoices.csv").unlink()
    (folder / "manifest.json").unlink()
    next((folder / "pages").rglob("*.html")).unlink()
    subjects = " ".join(only_files(world.audit()))
    for name in ("invoices.csv", "manifest.json", "page of"):
        assert name in subjects


def test_a_file_that_does_not_belong_there_is_found(world: World) -> None:
    """A page of no invoice and any other file."""
    folder = world.settings.output / "2017-01"
    (folder / "pages" / "000" / "2017-01-000999.html").write_text("")
    (folder / "notes.txt").write_text("")
    subjects = sorted(only_files(world.audit()))
    assert subjects == [
        "2017-01/notes.txt",
        "2017-01/page 2017-01-000999.html",
        "2017-01/pages/000/2017-01-000999.html",
    ]


def test_a_wrong_manifest_is_found(world: World) -> None:
    """The manifest says what the month close says."""
    path = world.settings.output / "2017-01" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "total": "0.00"}))
    assert only_files(world.audit()) == ["2017-01/manifest.json: total"]


@pytest.mark.parametrize("content", ["", "[]", "{", "{}"])
def test_a_manifest_that_is_none_is_found(world: World, content: str) -> None:
    """Nothing makes the audit stop."""
    (world.settings.output / "2017-01" / "manifest.json").write_text(content)
    assert only_files(world.audit()) == ["2017-01/manifest.json"]


def test_a_missing_month_is_found(world: World) -> None:
    """A closed month has a folder."""
    shutil.rmtree(world.settings.output / "2017-01")
    assert only_files(world.audit()) == ["2017-01"]


def test_a_month_that_is_being_written_is_noted(world: World) -> None:
    """The invoicer is at it."""
    (world.settings.output / "2017-02").rename(world.settings.output / ".2017-02.partial")
    findings = world.audit()
    assert findings.is_clean
    assert findings.notes == ["invoice files of 2017-02: they are being written now"]


def test_a_month_that_is_not_closed_is_found(world: World) -> None:
    """Files of an earlier month without a month close belong to no ledger; a later one may just have been closed."""
    (world.settings.output / "2016-12").mkdir()
    (world.settings.output / "2017-03").mkdir()
    assert only_files(world.audit()) == ["2016-12"]


def test_no_folder_at_all_is_noted(world: World) -> None:
    """The files may lie on another machine."""
    shutil.rmtree(world.settings.output)
    findings = world.audit()
    assert findings.is_clean
    assert findings.notes == [f"invoice files: there is no folder {world.settings.output}"]
