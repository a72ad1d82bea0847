"""`qb replay`: recounts a month, prints and saves what differs, and issues it with `--apply`.

Exit codes: 0 nothing differs or what differs is issued, 1 it differs and is not issued, 130 it was stopped.
"""

import argparse
import sys
from pathlib import Path

from billing.errors import OperatorError
from billing.period import month_calendar, parse_month
from billing.runtime.ledger_writer import LedgerWriter, WriteSteps, ignore_write_step
from billing.runtime.logs import get_logger
from billing.runtime.signals import StopFlag
from billing.settings import Settings
from qb.explain.reading_display import ReadingDisplay, stopped_plainly
from qb.replay.applying import check_is_over, chunks, event_times, input_writer, issue
from qb.replay.report import lines, save
from qb.replay.sources import Allowed, Found, Sources

logger = get_logger(__name__)

EXIT_SAME = 0
EXIT_DIFFERS = 1


def run(settings: Settings, arguments: argparse.Namespace, steps: WriteSteps = ignore_write_step) -> int:
    """Replay a month and return the exit code.

    Args:
        settings: the rules of the replay, and where the broker is.
        arguments: `month`, `apply`, `file`, `chunk`, `accept_deleted`, `accept_rejected`.
        steps: told of each step of a transaction.

    Raises:
        OperatorError: the month is none or is not over, a topic can't be read, records of it are deleted.
        KeyboardInterrupt: it was stopped, and has said so.
    """
    month = _month(arguments.month)
    with stopped_plainly(settings.bootstrap_servers) as stop:
        if not arguments.apply:
            return _replay(settings, arguments, month, stop, None)
        check_is_over(month, [month_calendar(settings.time_zone)], settings.clock.now_ms())
        writer = input_writer(settings, stop, steps)
        try:
            # Before anything is read: what another replay has committed is final then, and in the input.
            writer.take_over()
            return _replay(settings, arguments, month, stop, writer)
        finally:
            writer.close()


def _month(text: str) -> str:
    try:
        return parse_month(text)
    except ValueError as error:
        raise OperatorError(f"--month: {error}") from None


def _replay(
    settings: Settings, arguments: argparse.Namespace, month: str, stop: StopFlag, writer: LedgerWriter | None
) -> int:
    allowed = Allowed(arguments.accept_deleted, arguments.accept_rejected)
    with ReadingDisplay(stop) as display:
        found = Sources(settings, display, allowed).read(month)
    path = arguments.file or Path(f"replay-{month}.csv")
    summary = save(found.differences(), path)
    for line in (*_notes(settings, found), *lines(summary, month, path)):
        print(line)
    sys.stdout.flush()
    if not summary.rows:
        return EXIT_SAME
    if writer is None:
        return EXIT_DIFFERS
    issued = _issue(settings, found, arguments.chunk, stop, writer)
    print(f"{issued:,} adjustments are issued on {settings.input_topic}; once they are counted, nothing differs")
    return EXIT_SAME


def _issue(settings: Settings, found: Found, most: int, stop: StopFlag, writer: LedgerWriter) -> int:
    now_ms, live_zone = settings.clock.now_ms(), found.live.time_zone()
    check_is_over(found.concerned.month, [month_calendar(live_zone)], now_ms)
    times = event_times(settings, live_zone, found.live.watermark_ms, now_ms)
    return issue(
        writer,
        chunks(found.differences(), times, most),
        stop,
        lambda so_far: logger.info("adjustments issued", adjustments=so_far),
    )


def _notes(settings: Settings, found: Found) -> list[str]:
    notes = []
    live_zone = found.live.time_zone()
    if live_zone != settings.time_zone:
        before, after = (edge.month for edge in found.concerned.edges)
        notes.append(
            f"the processors count by the months of {live_zone}, this recount by those of {settings.time_zone}: what "
            f"moves over the edges at the beginning of {before} and of {after} is taken from one month and put into "
            "the other; replay the neighbours for their other edges"
        )
    notes += [
        f"{settings.counted_topic}[{partition}] begins at offset {start}: what was before is taken for events of other "
        "months"
        for partition, start in sorted(found.deleted.items())
    ]
    return notes
