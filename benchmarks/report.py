"""The results of benchmarks: a table in the terminal, and RESULTS.md with a plot for each row."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from benchmarks.figures import Figure, Outcome, number
from benchmarks.plot import svg
from benchmarks.stage import Sizes

FOLDER = Path(__file__).parent
PAGE, DATA, PLOTS = "RESULTS.md", "results.json", "plots"
_VERSIONS = ("confluent-kafka", "quixstreams", "numpy", "numba", "polars", "aiohttp")
_HEADINGS = ("row", "what", "against", "came to", "aim", "met")


@dataclass(frozen=True)
class Result:
    """What a row came to, as the median of so many repetitions."""

    name: str
    outcome: Outcome
    repetitions: int


class Written(TypedDict):
    """A row as the page shows it, kept until it is measured again."""

    cells: list[list[str]]
    about: str
    plot: str


def cells(result: Result) -> list[tuple[str, ...]]:
    """Return a line of the table for each figure of a row."""
    return [(result.name, *_cells(figure)) for figure in result.outcome.figures]


def _cells(figure: Figure) -> tuple[str, ...]:
    met = "" if figure.aim is None else "yes" if figure.aim.met_by(figure.value) else "NO"
    value = f"{number(figure.value)} {figure.unit}".strip()
    return figure.what, figure.against, value, "" if figure.aim is None else str(figure.aim), met


def table(results: Sequence[Result]) -> str:
    """Return the table for a terminal."""
    rows = [_HEADINGS, *(line for result in results for line in cells(result))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def write(results: Sequence[Result], sizes: Sizes, folder: Path = FOLDER) -> None:
    """Write the page of results and its plots; rows measured earlier stay on it as they are."""
    (folder / PLOTS).mkdir(exist_ok=True)
    data = folder / DATA
    known: dict[str, Written] = json.loads(data.read_text("utf-8")) if data.exists() else {}
    for result in results:
        known[result.name] = _written(result, sizes)
        if result.outcome.plot.lines:
            (folder / PLOTS / f"{result.name}.svg").write_text(svg(result.name, result.outcome.plot), "utf-8")
    data.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (folder / PAGE).write_text(page(known), "utf-8")


def _written(result: Result, sizes: Sizes) -> Written:
    plot = result.outcome.plot.unit if result.outcome.plot.lines else ""
    about = f"{result.outcome.details} Repetitions: {result.repetitions}; {circumstances(sizes)}."
    return {"cells": [list(line) for line in cells(result)], "about": about, "plot": plot}


def page(known: Mapping[str, Written]) -> str:
    """Return the page of results, in Markdown."""
    lines = ["# Results", "", "Written by `make bench ARGS=--write` and `make bench-peers ARGS=--write`.", ""]
    lines += [_markdown(_HEADINGS), "|" + "---|" * len(_HEADINGS)]
    lines += [_markdown(line) for written in known.values() for line in written["cells"]]
    for name, written in known.items():
        lines += ["", f"## {name}", "", written["about"]]
        if written["plot"]:
            lines += ["", f"![{name}: {written['plot']}]({PLOTS}/{name}.svg)"]
    return "\n".join(lines) + "\n"


def _markdown(row: Sequence[str]) -> str:
    return "| " + " | ".join(row) + " |"


def circumstances(sizes: Sizes) -> str:
    """Return when and where this is measured, with what, and how much."""
    return "; ".join(
        [
            datetime.now(UTC).date().isoformat(),
            machine(),
            f"{sizes.events:,} events, {sizes.customers:,} customers where there are many",
            ", ".join([f"Python {platform.python_version()}", *_versions()]),
        ]
    )


def machine() -> str:
    """Return the processor's name, and how many cores and how much memory there are."""
    text = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text("ascii").split()[1] if text else "0"
    return f"{len(names)} cores of {(names or ['unknown'])[0]}, {int(memory) / 1024**2:.0f} GiB, {platform.system()}"


def _versions() -> list[str]:
    found = []
    for name in _VERSIONS:
        try:
            found.append(f"{name} {version(name)}")
        except ModuleNotFoundError:
            continue
    return found
