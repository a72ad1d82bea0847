"""The demo's folder: one demo at a time, what lasts from one to the next, and how it is forgotten."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from billing.errors import OperatorError
from billing.runtime.file_lock import HeldElsewhereError, file_lock

MEMORY_FILE = "demo.json"
LOCK_FILE = "demo.lock"
SETTINGS_FILE = "settings.yaml"
# All that a demo makes besides the two: what --fresh deletes.
MADE_HERE = ("kafka", "state", "invoices", "logs", "prometheus", SETTINGS_FILE)
# What `qb broker`, a Prometheus started by hand or a demo that was refused may have left where the demo begins.
MAY_BE_THERE = {"kafka", "prometheus", "logs", LOCK_FILE}


@dataclass(frozen=True)
class Memory:
    """What one demo tells the next.

    Args:
        cluster: the cluster that its events are in; None is the Kafka that it started.
        reached_ms: simulated time at or after all that was simulated, in milliseconds; None before the first start.
        running: whether it has not said that it stopped.
    """

    cluster: str | None = None
    reached_ms: int | None = None
    running: bool = False


@dataclass(frozen=True)
class Folder:
    """The folder of a demo, held by this process."""

    path: Path

    @property
    def logs(self) -> Path:
        """Where each process writes its log."""
        return self.path / "logs"

    def recall(self) -> Memory:
        """Return what the demo before has told.

        Raises:
            OperatorError: it cannot be read.
        """
        file = self.path / MEMORY_FILE
        try:
            return Memory(**_fields(json.loads(file.read_text("utf-8"))))
        except FileNotFoundError:
            return Memory()
        except (ValueError, TypeError):
            raise OperatorError(f"{file} was not written by a demo; --fresh begins anew") from None

    def remember(self, memory: Memory) -> None:
        """Put on record what the next demo has to know: all of it, or what was there before."""
        unfinished = self.path / f"{MEMORY_FILE}.new"
        unfinished.write_text(json.dumps(asdict(memory)), "utf-8")
        os.replace(unfinished, self.path / MEMORY_FILE)

    def forget(self) -> None:
        """Delete what earlier demos made, and nothing else; the mark that it is a demo's folder goes last."""
        if not (self.path / MEMORY_FILE).exists():
            return
        for name in MADE_HERE:
            made = self.path / name
            if made.is_symlink() or made.is_file():
                made.unlink()
            elif made.exists():
                shutil.rmtree(made)
        (self.path / MEMORY_FILE).unlink(missing_ok=True)


@contextmanager
def take_folder(path: Path, fresh: bool) -> Iterator[Folder]:
    """Hold a folder for one demo, made if it is not there; `fresh` forgets what an earlier one left.

    Raises:
        OperatorError: another demo runs in it, it holds other things than a demo's, or it cannot be used.
    """
    path = path.resolve()
    try:
        _require_ours(path)
        path.mkdir(parents=True, exist_ok=True)
        with file_lock(path / LOCK_FILE, wait=False):
            folder = Folder(path)
            if fresh:
                folder.forget()
            folder.logs.mkdir(exist_ok=True)
            yield folder
    except HeldElsewhereError as error:
        raise OperatorError(
            f"a demo runs in {path} already, as process {error.holder}: stop that one, or choose another folder with "
            "--dir (and other ports)"
        ) from None
    except OSError as error:
        raise OperatorError(
            f"cannot use {error.filename or path}: {error.strerror}; choose another folder with --dir"
        ) from error


def _require_ours(path: Path) -> None:
    """Refuse a folder that other things are kept in: --fresh must never be able to delete those."""
    if not path.exists() or (path / MEMORY_FILE).exists():
        return
    strangers = sorted({entry.name for entry in path.iterdir()} - MAY_BE_THERE)
    if strangers:
        raise OperatorError(
            f"{path} is not a demo's folder: it holds {strangers[0]} and no {MEMORY_FILE}; choose another with --dir"
        )


def _fields(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("reached_ms"), int | None):
        raise ValueError("not a memory")
    return value
