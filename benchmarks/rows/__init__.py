"""The rows of the table: each is a function that measures once on a stage, and can run alone."""

from collections.abc import Callable

from benchmarks.figures import Outcome
from benchmarks.rows.answers import answers, visible
from benchmarks.rows.customers import many_customers, restore
from benchmarks.rows.exporter import catch_up, scrape
from benchmarks.rows.ids import ids
from benchmarks.rows.invoicer import close_month
from benchmarks.rows.keyed import keyed
from benchmarks.rows.peers import against_peers
from benchmarks.rows.processor import against_bare, against_stock, commits, shapes
from benchmarks.rows.scaling import curve, two_processors
from benchmarks.stage import Stage

Row = Callable[[Stage], Outcome]

ROWS: dict[str, Row] = {
    "bare": against_bare,
    "stock": against_stock,
    "shapes": shapes,
    "commit": commits,
    "customers": many_customers,
    "restore": restore,
    "ids": ids,
    "keyed": keyed,
    "two": two_processors,
    "curve": curve,
    "visible": visible,
    "catch-up": catch_up,
    "answers": answers,
    "scrape": scrape,
    "close": close_month,
}
# These need Java and Maven.
PEERS: dict[str, Row] = {"peers": against_peers}
