"""Writes the dashboards' JSON: ``python -m grafana.builder [--check]``, from the project's root.

The settings are read like those of every part, from QB_CONFIG and the environment. Exit codes: 0 done (or, with
``--check``, nothing to do), 1 the committed files are stale, 2 a setting is wrong.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from billing.settings import SettingsError, load_settings
from grafana.builder import Json
from grafana.builder.boards import all_boards, infinity_boards

FOLDER = Path(__file__).parent.parent


def main(arguments: Sequence[str]) -> int:
    """Write the dashboards that the settings ask for, or with ``--check`` say which files are stale."""
    if list(arguments) not in ([], ["--check"]):
        print("usage: python -m grafana.builder [--check]", file=sys.stderr)
        return 2
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    wanted = render(all_boards(settings), FOLDER / "dashboards")
    wanted |= render(infinity_boards(settings), FOLDER / "infinity" / "dashboards")
    stale = stale_files(wanted)
    if arguments:
        for path in stale:
            print(f"stale: {path}; run python -m grafana.builder", file=sys.stderr)
        return 1 if stale else 0
    write(wanted, stale)
    return 0


def render(boards: Mapping[str, Json], folder: Path) -> dict[Path, str]:
    """Return what the files of a folder should hold."""
    return {
        folder / name: json.dumps(board, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, board in boards.items()
    }


def stale_files(wanted: Mapping[Path, str]) -> list[Path]:
    """Return the files that are missing, differ, or stand there without being wanted."""
    present = {path for folder in {path.parent for path in wanted} for path in folder.glob("*.json")}
    differing = [path for path, text in wanted.items() if path not in present or path.read_text("utf-8") != text]
    return sorted({*differing, *(present - wanted.keys())})


def write(wanted: Mapping[Path, str], stale: Sequence[Path]) -> None:
    """Bring the stale files up to date and delete those that are not wanted."""
    for path in stale:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
