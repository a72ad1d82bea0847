"""What a person sees of a download: a bar on a terminal, a few plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from broker.jar_download import DownloadProgress, ReportProgress
from broker.jar_lock import kafka_version

_PLAIN_STEPS = 4


@contextmanager
def show_download(stream: TextIO) -> Iterator[ReportProgress]:
    """Give a function that shows the progress of a download on `stream`; without a download, nothing is shown."""
    what = f"Downloading Apache Kafka {kafka_version()}"
    if not stream.isatty():
        yield _plain_lines(what, stream)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[size]}"))
    with Progress(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(what, visible=False, size="")

        def show(progress: DownloadProgress) -> None:
            bar.update(
                task, total=progress.jars_total, completed=progress.jars_done, size=_size(progress), visible=True
            )

        yield show


def _plain_lines(what: str, stream: TextIO) -> ReportProgress:
    shown = -1

    def show(progress: DownloadProgress) -> None:
        nonlocal shown
        step = progress.jars_done * _PLAIN_STEPS // progress.jars_total
        if step > shown:
            shown = step
            done = f"{progress.jars_done} of {progress.jars_total} files"
            print(f"{what}: {done}, {_size(progress)}", file=stream, flush=True)

    return show


def _size(progress: DownloadProgress) -> str:
    return f"{progress.bytes_done / 1e6:.1f} MB"
