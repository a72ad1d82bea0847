"""What a person sees of a download: a bar on a terminal, a few plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from broker.jar_download import Downloaded, ReportDownload
from broker.jar_lock import kafka_version

_PLAIN_STEPS = 4


@contextmanager
def show_download(stream: TextIO) -> Iterator[ReportDownload]:
    """Give a function that shows the report of a download on `stream`; without a download, nothing is shown."""
    what = f"Downloading Apache Kafka {kafka_version()}"
    if not stream.isatty():
        yield _plain_lines(what, stream)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[size]}"))
    with Progress(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(what, visible=False, size="")

        def show(report: Downloaded) -> None:
            bar.update(task, total=report.jars_total, completed=report.jars_done, size=_size(report), visible=True)

        yield show


def _plain_lines(what: str, stream: TextIO) -> ReportDownload:
    shown = -1

    def show(report: Downloaded) -> None:
        nonlocal shown
        step = report.jars_done * _PLAIN_STEPS // report.jars_total
        if step > shown:
            shown = step
            done = f"{report.jars_done} of {report.jars_total} files"
            print(f"{what}: {done}, {_size(report)}", file=stream, flush=True)

    return show


def _size(report: Downloaded) -> str:
    return f"{report.bytes_done / 1e6:.1f} MB"
