"""The page as a test looks at it: what is read where, and an exporter with made-up data behind it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from tests.exporter.client import Client
from tests.forking import start_process
from tests.page.browser import Tab

LIVE = "document.querySelector('#pulse').dataset.state === 'live' && document.querySelector('#hero-total').value"


def open_page(tab: Tab, client: Client, place: str = "") -> None:
    """Open the page and wait until it shows numbers."""
    tab.open(f"http://127.0.0.1:{client.port}/{place}")
    shown = "document.querySelector('#customer-note')" if "customer=" in place else LIVE
    tab.until(shown)


def total(tab: Tab) -> Decimal:
    """Return the exact revenue of the month."""
    return Decimal(tab.js("document.querySelector('#hero-total').value"))


def type_totals(tab: Tab) -> dict[str, Decimal]:
    """Return the exact revenue of each type's tile."""
    found = tab.js("[...document.querySelectorAll('.tile')].map(t => [t.dataset.type, t.querySelector('data').value])")
    return {name: Decimal(text) for name, text in found}


def top_customers(tab: Tab) -> dict[str, Decimal]:
    """Return the exact revenue of the top customers."""
    found = tab.js(
        "[...document.querySelectorAll('#top tbody tr')]"
        ".map(r => [r.cells[0].textContent, r.querySelector('data').value])"
    )
    return {name: Decimal(text) for name, text in found}


def choose_month(tab: Tab, month: str) -> None:
    """Choose a month in the picker, as its list does when an entry is taken."""
    tab.js(
        f"(() => {{ const s = document.querySelector('#month'); s.value = '{month}';"
        " s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def banners(tab: Tab) -> list[str]:
    """Return the kinds of the banners shown."""
    found: list[str] = tab.js("[...document.querySelectorAll('[data-banner]')].map(b => b.dataset.banner)")
    return found


@contextmanager
def standalone(port: int) -> Iterator[Client]:
    """Run an exporter with made-up data that moves, for as long as the block runs."""
    flags = ("--standalone", "--exporter-host", "127.0.0.1", "--exporter-port", str(port))
    process = start_process("qb", "export", *flags, environment=os.environ, stderr=subprocess.DEVNULL)
    client, deadline = Client(port), time.monotonic() + 60
    try:
        while not _ready(client):
            assert process.poll() is None, "the exporter has ended"
            assert time.monotonic() < deadline, "the exporter does not get ready"
            time.sleep(0.05)
        yield client
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _ready(client: Client) -> bool:
    try:
        return client.get("/readyz").status == 200
    except OSError:
        return False
