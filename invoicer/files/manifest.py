"""The manifest of a month's folder: what it must hold, and whether it does."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.invoice import MonthClose
from billing.money import format_micros, format_minor
from billing.period import format_timestamp
from invoicer.files.checksummed import sha256_of

VERSION = 1
MANIFEST = "manifest.json"
PAGES = "pages"


@dataclass(frozen=True, slots=True)
class FileSum:
    """Size and checksum of a file."""

    bytes: int
    sha256: str


def encode_manifest(close: MonthClose, files: Mapping[str, FileSum]) -> bytes:
    """Return the manifest of a month as JSON.

    Args:
        close: the month close.
        files: name -> size and checksum, the pages left out: `SHA256SUMS` has them.
    """
    fields = {
        "v": VERSION,
        **_of_ledger(close),
        "files": {name: {"bytes": file.bytes, "sha256": file.sha256} for name, file in sorted(files.items())},
    }
    return json.dumps(fields, indent=2).encode() + b"\n"


def is_complete(folder: Path, close: MonthClose) -> bool:
    """Say whether a folder holds all files of a month as they were written; of the pages, whether all are there.

    Raises:
        OSError: the folder can't be read, other than by not being there.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files: dict[str, dict[str, Any]] = manifest.pop("files")
        return (
            manifest == {"v": VERSION, **_of_ledger(close)}
            and all(_is_as_listed(folder / name, listed) for name, listed in files.items())
            and _count_pages(folder / PAGES) == close.invoices
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return False


def looks_complete(folder: Path) -> bool:
    """Say whether a folder that was complete still has its manifest: cheap enough to ask every few seconds."""
    return (folder / MANIFEST).is_file()


def _of_ledger(close: MonthClose) -> dict[str, Any]:
    return {
        "month": close.month,
        "currency": close.currency,
        "closed_at": format_timestamp(close.closed_at_ms),
        "invoices": close.invoices,
        "first_number": close.first_number,
        "last_number": close.last_number,
        "exact": format_micros(close.exact_micros),
        "total": format_minor(close.total_minor, close.currency),
        "offsets": {str(partition): offset for partition, offset in sorted(close.offsets.items())},
    }


def _is_as_listed(path: Path, listed: Mapping[str, Any]) -> bool:
    return bool(path.stat().st_size == listed["bytes"] and sha256_of(path) == listed["sha256"])


def _count_pages(folder: Path) -> int:
    return sum(len(os.listdir(shard)) for shard in folder.iterdir()) if folder.is_dir() else 0
