"""The live table for a terminal: a function from a snapshot to what rich draws, which fits 80 columns and 24 lines."""

from collections.abc import Iterable
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from qb.demo.feed import Overview
from qb.demo.folder import SETTINGS_FILE
from qb.demo.snapshot import CatchUp, Snapshot, money, short_path, short_time
from qb.demo.supervisor import Standing

NARROW = 80
# From here on there is room for bars; beyond the widest the numbers would be too far apart.
WIDE = 100
WIDEST = 120
BAR_CELLS = 8
EIGHTHS = " ▏▎▍▌▋▊▉"
MOST_CUSTOMERS = 10
MOST_CLOSES = 5
MOST_REASONS = 4
# Lines that are there whatever the height: all but the customers below the sixth and the closed months above two.
FIXED_LINES = 23
LEAST_CUSTOMERS = 6
COLOURS = {"MESSAGE": "cyan", "DATA": "green", "CALL": "yellow", "PACK": "magenta", "MISC": "blue"}


def render(snapshot: Snapshot, width: int = NARROW, height: int = 24) -> RenderableType:
    """Return the whole picture for a terminal of that many columns and lines."""
    spare = height - FIXED_LINES - len(snapshot.catch_ups) - len(_troubles(snapshot.standings))
    customers = min(MOST_CUSTOMERS, LEAST_CUSTOMERS + max(0, spare))
    # A closed month less where there is trouble to show; more of them once all customers have room.
    closes = 1 if spare < 0 else min(MOST_CLOSES, 2 + max(0, spare - (MOST_CUSTOMERS - LEAST_CUSTOMERS)))
    lines: list[RenderableType] = [_header(snapshot, width), _month_bar(snapshot, width)]
    lines += [_catch_up(one) for one in snapshot.catch_ups]
    if overview := snapshot.overview:
        lines += [_tables(snapshot, overview, customers, width), Text("")]
    else:
        lines.append(Text("\n  Waiting for the first numbers ...\n", style="dim"))
    lines += [_facts(snapshot, closes), _footer(snapshot)]
    return Group(*lines)


def _header(snapshot: Snapshot, width: int) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    left = Text.assemble(("Queryable Billing", "bold"), "  ", (snapshot.clock, "bold yellow"))
    grid.add_row(left, Text(f"up {short_time(snapshot.uptime_seconds)}", style="dim"))
    grid.width = width
    return grid


def _month_bar(snapshot: Snapshot, width: int) -> RenderableType:
    bar = ProgressBar(completed=snapshot.month_share, total=1.0, complete_style="yellow", finished_style="yellow")
    grid = Table.grid()
    grid.add_row(bar)
    grid.width = width
    return grid


def _catch_up(one: CatchUp) -> RenderableType:
    bar = ProgressBar(total=1.0 if one.share is not None else None, completed=one.share or 0.0, width=20)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_row(Text("Catching up", style="bold cyan"), bar, Text(one.what, overflow="ellipsis", no_wrap=True))
    return grid


def _tables(snapshot: Snapshot, overview: Overview, customers: int, width: int) -> RenderableType:
    wide = width >= WIDE
    month = overview["month"] or "no events"
    types = _table(f"{month} by type" if wide else month, overview["currency"], wide)
    rates, currency = snapshot.seen.rates, overview["currency"]
    for row in overview["types"]:
        name = row["type"]
        style = COLOURS.get(name, "white")
        _add(types, currency, Text(name, style=style), row, rates.get(f"type/{name}"), _bar(row["share"], style), wide)
    known = [rate for row in overview["types"] if (rate := rates.get(f"type/{row['type']}")) is not None]
    whole = Text("all", style="bold")
    _add(types, currency, whole, overview["totals"], sum(known) if known else None, Text(""), wide, "bold")
    top = _table("top customers", overview["currency"], wide)
    for row in overview["top_customers"][:customers]:
        name = row["customer"]
        _add(top, currency, Text(name), row, rates.get(f"customer/{name}"), _bar(row["share"], "white"), wide)
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(types, top)
    grid.width = min(width, WIDEST)
    return grid


def _table(title: str, currency: str, wide: bool) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0))
    table.add_column(title, no_wrap=True, ratio=1, header_style="bold underline")
    if wide:
        table.add_column("", no_wrap=True, min_width=BAR_CELLS)
    table.add_column(currency, justify="right", no_wrap=True, header_style="dim")
    table.add_column("events", justify="right", no_wrap=True, header_style="dim")
    table.add_column("/s", justify="right", no_wrap=True, min_width=5, header_style="dim")
    return table


def _add(
    table: Table, currency: str, name: Text, row: Overview, rate: float | None, bar: Text, wide: bool, style: str = ""
) -> None:
    speed = Text("") if rate is None else Text(f"{rate:,.1f}", style="green" if rate else "dim")
    bars = [bar] if wide else []
    table.add_row(
        name, *bars, Text(money(Decimal(row["total"]), currency)), Text(f"{row['count']:,}"), speed, style=style
    )


def _bar(share: float | None, style: str) -> Text:
    """Return a bar of eighths of a cell for a share of the whole; credits have none."""
    eighths = round(max(0.0, min(1.0, share or 0.0)) * BAR_CELLS * 8)
    return Text("█" * (eighths // 8) + EIGHTHS[eighths % 8], style=style)


def _facts(snapshot: Snapshot, closes: int) -> RenderableType:
    """Return the labelled lines below the tables."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    if overview := snapshot.overview:
        grid.add_row("Events", _events(overview))
        grid.add_row("Rejected", _rejected(overview))
        grid.add_row("Invoices", _invoices(snapshot, overview, closes))
    grid.add_row("Parts", _parts(snapshot.standings, "dim" if snapshot.note else "red"))
    for trouble in _troubles(snapshot.standings):
        grid.add_row("", trouble)
    base, folder = snapshot.links.exporter, snapshot.links.folder
    grid.add_row("Open", Text.from_markup(f"[bold underline cyan]{base}[/]"))
    grid.add_row("", Text.from_markup(f"[cyan]{base}/customers/Charlie[/]  [cyan]/types/MISC[/]  [cyan]/metrics[/]"))
    grid.add_row(
        "Files",
        Text(f"invoices: {short_path(folder / 'invoices')}   logs: {short_path(folder / 'logs')}", overflow="fold"),
    )
    prometheus = snapshot.links.prometheus or "prometheus/prometheus.local.yml"
    grid.add_row("Check", Text(f"qb audit --config {short_path(folder / SETTINGS_FILE)}", overflow="fold"))
    grid.add_row("More", Text.from_markup(f"Prometheus: [cyan]{prometheus}[/]   Grafana: docs/grafana.md"))
    return grid


def _events(overview: Overview) -> Text:
    events, freshness = overview["events"], overview["freshness"]
    delay, lag = freshness["delay_seconds"], freshness["lag_records"]
    return Text.assemble(
        f"{events['accepted']:,} billed, ",
        (f"{events['per_second']:,.0f}/s", "green"),
        f" · lag {'unknown' if lag is None else format(lag, ',')}",
        "" if delay is None else f" · {delay:.1f} s from Kafka to here",
        f" · {events['late']:,} late",
    )


def _rejected(overview: Overview) -> Text:
    events = overview["events"]
    reasons = sorted(events["reasons"].items(), key=lambda reason: -reason[1])
    shown = [f"{name} {count:,}" for name, count in reasons[:MOST_REASONS]]
    if rest := sum(count for _, count in reasons[MOST_REASONS:]):
        shown.append(f"others {rest:,}")
    others = f" · {events['duplicates']:,} duplicates · {events['voids'] + events['replaces']:,} taken back"
    detail = f"  {', '.join(shown)}" if shown else ""
    return Text.assemble((f"{events['rejected']:,}", "red"), detail, others)


def _invoices(snapshot: Snapshot, overview: Overview, most: int) -> Text:
    closes = snapshot.seen.closes
    if not closes:
        return Text("the first are issued a moment after the end of the month", style="dim")
    lines = [Text.assemble((title, "magenta"), f": {text}") for title, text in reversed(closes[-most:])]
    lines[0].append(f"  ({len(closes):,} of {len(overview['months']):,} months)", style="dim")
    return Text("\n").join(lines)


def _parts(standings: Iterable[Standing], dead: str) -> Text:
    line = Text()
    for one in standings:
        line.append("● ", style="green" if one.alive else dead)
        line.append(one.name + "  ")
    return line


def _troubles(standings: Iterable[Standing]) -> list[Text]:
    found = []
    for one in standings:
        if one.restarts:
            what = f"restarted {one.restarts}x" if one.alive else "died, starts again in a moment"
            found.append(Text(f"{one.name} {what}, see {short_path(one.log_file)}", style="red"))
    return found


def _footer(snapshot: Snapshot) -> RenderableType:
    if snapshot.note:
        return Text(snapshot.note, style="bold yellow")
    return Text("Ctrl-C stops everything; the next start goes on from here.", style="dim")
