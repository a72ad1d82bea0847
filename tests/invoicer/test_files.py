"""The invoice files: what they look like, and that a disk that fails takes nothing away."""

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from billing.invoice import Closing, Invoice, MonthClose, make_invoice
from billing.ledger import InvoiceKey, MonthCloseKey, encode_close, encode_invoice, encode_key
from billing.runtime.signals import NEVER, Stop
from billing.runtime.topic_reader import Record
from invoicer.files.archive import Archive, StoppedError
from invoicer.files.keeper import FileKeeper
from invoicer.files.month_folder import LedgerFaultError
from invoicer.metrics import InvoicerMetrics

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_FOLDERS = {"EUR": GOLDEN, "JPY": GOLDEN.parent / "golden_jpy", "KWD": GOLDEN.parent / "golden_kwd"}


def issue(month: str, customers: Iterable[str], currency: str = "EUR") -> tuple[list[Invoice], MonthClose]:
    """Make the invoices of a month and its month close."""
    closing = Closing(month)
    invoices = []
    for customer in customers:
        invoice, _ = make_invoice(
            closing.invoices + 1,
            customer,
            month,
            {
                "2026-08": {"DATA": (-2_500_000 if customer.startswith("<") else 125_000, 1)},
                month: {"CALL": (1_234_567, 3), "MISC": (0, 2)},
            },
            {"CALL": -3_000},
            currency=currency,
            issued_at_ms=1_793_750_400_123,
            offsets={0: 120, 1: 7},
        )
        closing = closing.after(invoice)
        invoices.append(invoice)
    close = MonthClose(
        month, currency, 1_793_750_401_000, closing.invoices, closing.total_minor, closing.exact_micros, {0: 120, 1: 9}
    )
    return invoices, close


class FakeLedger:
    """The ledger's records in their order, as a reader gets them."""

    def __init__(self, *months: tuple[list[Invoice], MonthClose]) -> None:
        self.closes = {close.month: close for _, close in months}
        self.records: list[Record] = []
        for invoices, close in months:
            for invoice in invoices:
                self._add(encode_key(InvoiceKey(invoice.month, invoice.customer)), encode_invoice(invoice))
            self._add(encode_key(MonthCloseKey(close.month)), encode_close(close))

    def __call__(self, first_month: str) -> Iterator[Record]:
        yield from self.records

    def _add(self, key: bytes, value: bytes) -> None:
        self.records.append(Record(0, len(self.records), key, value, 0))


CUSTOMERS = ["Alice", '<b>"Bob" & Söhne</b>', "O'Neill, Ltd."]
OCTOBER = issue("2026-10", CUSTOMERS)
NOVEMBER = issue("2026-11", [f"C{number:04d}" for number in range(1_001)])
DECEMBER = issue("2026-12", [])


def keeper(archive: Archive) -> tuple[FileKeeper, CollectorRegistry]:
    """Make a keeper that tries again at once."""
    registry = CollectorRegistry()
    return FileKeeper(archive, InvoicerMetrics(registry), pause_seconds=0), registry


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("currency", sorted(GOLDEN_FOLDERS))
def test_golden(tmp_path: Path, currency: str) -> None:
    """The files are, to the byte, the ones of the currency's folder; QB_UPDATE_GOLDEN=1 writes those anew."""
    golden = GOLDEN_FOLDERS[currency]
    Archive(tmp_path, FakeLedger(issue("2026-10", CUSTOMERS, currency))).write(["2026-10"])
    if os.environ.get("QB_UPDATE_GOLDEN") == "1":
        shutil.rmtree(golden, ignore_errors=True)
        shutil.copytree(tmp_path / "2026-10", golden)
    assert snapshot(tmp_path / "2026-10") == snapshot(golden)


def test_sums_and_manifest_tell_the_truth(tmp_path: Path) -> None:
    """Every file but the manifest is in SHA256SUMS or, itself, in the manifest; the tables agree with it."""
    ledger = FakeLedger(NOVEMBER)
    Archive(tmp_path, ledger).write(["2026-11"])
    folder = tmp_path / "2026-11"
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    found = snapshot(folder)
    manifest = json.loads(found.pop("manifest.json"))
    sums = found.pop("SHA256SUMS")
    assert manifest["files"]["SHA256SUMS"]["sha256"] == hashlib.sha256(sums).hexdigest()
    assert listed == {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
    assert sorted(name for name in found if name.startswith("pages/"))[-1] == "pages/001/2026-11-001001.html"
    rows = list(csv.DictReader(io.StringIO((folder / "invoices.csv").read_text("utf-8"), newline="")))
    assert len(rows) == manifest["invoices"] == 1_001
    assert manifest["total"] == f"{sum(round(float(row['total']) * 100) for row in rows) / 100:.2f}"


def test_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """Written again, in another folder or over a damaged one, the files are the same."""
    ledger = FakeLedger(OCTOBER, NOVEMBER, DECEMBER)
    first, second = Archive(tmp_path / "a", ledger), Archive(tmp_path / "b", ledger)
    first.write(first.unwritten(ledger.closes))
    second.write(second.unwritten(ledger.closes))
    files = snapshot(tmp_path / "a")
    files.pop(".lock")
    assert {name: data for name, data in snapshot(tmp_path / "b").items() if name != ".lock"} == files
    (tmp_path / "a" / "2026-10" / "invoices.csv").write_text("damaged")
    (tmp_path / "a" / "2026-11" / "pages" / "000" / "2026-11-000007.html").unlink()
    anew = Archive(tmp_path / "a", ledger)
    assert anew.unwritten(ledger.closes) == ["2026-10", "2026-11"]
    anew.write(anew.unwritten(ledger.closes))
    assert {name: data for name, data in snapshot(tmp_path / "a").items() if name != ".lock"} == files
    assert anew.unwritten(ledger.closes) == []


def test_a_removed_folder_is_written_again(tmp_path: Path) -> None:
    """One month's, or all of them."""
    ledger = FakeLedger(OCTOBER, DECEMBER)
    files, registry = keeper(Archive(tmp_path / "out", ledger))
    assert files.keep(ledger.closes, NEVER)
    shutil.rmtree(tmp_path / "out" / "2026-10")
    assert files.keep(ledger.closes, NEVER)
    shutil.rmtree(tmp_path / "out")
    assert files.keep(ledger.closes, NEVER)
    assert snapshot(tmp_path / "out" / "2026-10") == snapshot(GOLDEN)
    assert registry.get_sample_value("billing_invoicer_file_failures_total") == 0


def test_stopping_leaves_nothing_half_written(tmp_path: Path) -> None:
    """Asked to stop in the middle of a month, no part of it stays behind."""
    archive = Archive(tmp_path, FakeLedger(NOVEMBER))
    with pytest.raises(StoppedError):
        archive.write(["2026-11"], Stop(requested=True))
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_ledger_that_contradicts_itself_is_not_written(tmp_path: Path) -> None:
    """A month close that counts other invoices, or a number that is not the next one."""
    invoices, close = OCTOBER
    for broken in (([*invoices[:2]], close), (invoices[1:], close), (invoices, DECEMBER[1])):
        with pytest.raises(LedgerFaultError):
            Archive(tmp_path, FakeLedger(broken)).write(["2026-10", "2026-12"])
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs is not permitted here (it takes root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    """Change the options of a mounted file system."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def check_that_it_heals(files: FileKeeper, registry: CollectorRegistry, ledger: FakeLedger) -> None:
    """Assert that all files are complete after two failures."""
    assert registry.get_sample_value("billing_invoicer_file_failures_total") == 2
    assert registry.get_sample_value("billing_invoicer_months_unwritten") == 1
    assert files.keep(ledger.closes, NEVER)
    assert registry.get_sample_value("billing_invoicer_months_unwritten") == 0


def test_a_full_disk(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told and counted; what was written in part is removed; when there is room, the files are complete."""
    ledger = FakeLedger(OCTOBER, NOVEMBER)
    files, registry = keeper(Archive(small_disk / "out", ledger))
    for _ in range(2):
        assert not files.keep(ledger.closes, NEVER)
    assert "No space left on device" in caplog.text
    assert sorted(path.name for path in (small_disk / "out").iterdir()) == [".lock", "2026-10"]
    remount(small_disk, "size=50m")
    check_that_it_heals(files, registry, ledger)


def test_a_read_only_disk(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told and counted; when it can be written again, the files are complete."""
    ledger = FakeLedger(OCTOBER)
    files, registry = keeper(Archive(small_disk / "out", ledger))
    remount(small_disk, "ro")
    for _ in range(2):
        assert not files.keep(ledger.closes, NEVER)
    assert "Read-only file system" in caplog.text
    remount(small_disk, "rw")
    check_that_it_heals(files, registry, ledger)


def test_something_else_in_the_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file where the folder should be is told; once it is gone, the files are complete."""
    ledger = FakeLedger(OCTOBER)
    (tmp_path / "out").write_text("in the way")
    files, registry = keeper(Archive(tmp_path / "out", ledger))
    for _ in range(2):
        assert not files.keep(ledger.closes, NEVER)
    assert "File exists" in caplog.text
    (tmp_path / "out").unlink()
    check_that_it_heals(files, registry, ledger)


def test_the_pauses_between_attempts_grow(tmp_path: Path) -> None:
    """Each failure in a row doubles the pause, up to a minute; an attempt comes only after it."""
    ledger = FakeLedger(OCTOBER)
    (tmp_path / "out").write_text("in the way")
    now = 0.0
    attempts = []
    registry = CollectorRegistry()
    files = FileKeeper(Archive(tmp_path / "out", ledger), InvoicerMetrics(registry), 5, lambda: now)
    for second in range(300):
        now = float(second)
        before = registry.get_sample_value("billing_invoicer_file_failures_total")
        files.keep(ledger.closes, NEVER)
        if registry.get_sample_value("billing_invoicer_file_failures_total") != before:
            attempts.append(second)
    assert attempts == [0, 5, 15, 35, 75, 135, 195, 255]


def test_a_page_runs_no_script_of_a_customer(tmp_path: Path) -> None:
    """A customer's name is text on the page, whatever it holds."""
    invoices, close = issue("2026-10", ["<script>alert('x')</script>$number"])
    Archive(tmp_path, FakeLedger((invoices, close))).write(["2026-10"])
    page = (tmp_path / "2026-10" / "pages" / "000" / "2026-10-000001.html").read_text("utf-8")
    assert "<dd>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;$number</dd>" in page
    assert "<script" not in page
