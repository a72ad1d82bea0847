"""The page in a real browser: what it shows, and that mouse, keyboard, link and back button lead where they should."""

import json
import time
from decimal import Decimal

import pytest
from babel.numbers import list_currencies

from billing.currency import is_known, minor_digits
from billing.money import format_rounded
from tests.exporter.client import Client
from tests.exporter.world import CHARLIE_MS, DAY_MS, FEBRUARY_MS, HOUR_MS, World, two_months
from tests.page.browser import Tab
from tests.page.page import banners, choose_month, open_page, top_customers, total, type_totals

MINUS = "\N{MINUS SIGN}"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


FOCUSED = """(() => {
  const node = document.activeElement, box = node.getBoundingClientRect();
  return {
    tag: node.tagName,
    id: node.id || node.innerText,
    visible: box.width > 0 && box.height > 0,
    outline: getComputedStyle(node).outlineStyle,
    named: Boolean(node.textContent || node.ariaLabel || node.labels?.length),
  };
})()"""
OUTSIDE = """(width) => [...document.querySelectorAll('main *, header *')]
  .filter((node) => node.getBoundingClientRect().right > width + 1 && !node.closest('.hidden, .scroll, #chart'))
  .map((node) => node.outerHTML.slice(0, 120))"""


def test_the_month_as_a_whole(tab: Tab) -> None:
    """Revenue to the micro, its change, each type, the customers, what was rejected, and how fresh it is."""
    with two_months().served() as client:
        open_page(tab, client)
        assert tab.text("#hero-title") == "Revenue in February 2017 open"
        assert tab.text("#hero-total") == "€261.240003"
        assert total(tab) == Decimal("261.240003")
        assert tab.texts("#hero-facts dd")[:2] == ["11", "3"]
        assert type_totals(tab) == {
            "MESSAGE": Decimal(0), "DATA": Decimal("66.750003"), "CALL": Decimal("4.5"), "PACK": Decimal(0),
            "MISC": Decimal("189.99"),
        }  # fmt: skip
        assert tab.texts(".tile h3") == ["MESSAGE", "DATA", "CALL", "PACK", "MISC"]
        assert tab.texts("#top tbody a") == ["Charlie", "Bob", "Alice"]
        assert tab.texts("#rejected tbody th") == ["Malformed", "Bad amount"]
        assert tab.texts("#checks strong") == ["kafka", "subtotals", "invoices", "conservation"]
        assert "3 Feb 2017, 06:00:00" in tab.text("#freshness")
        tab.until("document.querySelectorAll('#invoices tbody tr').length === 2")
        assert tab.js("document.querySelectorAll('#chart canvas').length") == 1
        assert banners(tab) == []


def test_duplicates_and_what_was_taken_back(tab: Tab) -> None:
    """They stand beside what was rejected; totals fall; one with nothing left has the draft of a credit."""
    world = two_months()
    with world.served() as client:
        open_page(tab, client)
        assert tab.text("#rejected-note") == "3 records, 18.8% of all"
        world.void("Alice", 8_000_000, "CALL", FEBRUARY_MS - 20 * DAY_MS)
        for day in range(3):
            at_ms = FEBRUARY_MS + day * DAY_MS + 5 * HOUR_MS
            world.void("Alice", 1_500_000, "CALL", at_ms)
            world.void("Alice", 2_250_000, "DATA", at_ms + HOUR_MS, partition=1)
        for _ in range(2):
            world.committed.duplicate()
        world.commit()
        tab.until("document.querySelector('#hero-total').value === '249.990003'")
        assert tab.text("#rejected-note") == "3 records, 12.0% of all; 2 duplicates, counted once"
        assert "Taken back\n7 events" in tab.text("#freshness")
        assert tab.texts("#top tbody a") == ["Charlie", "Bob"]
        open_page(tab, client, "?customer=Alice")
        tab.until("!document.querySelector('#customer-parts').hidden")
        assert tab.text("#customer-note") == "All events were taken back"
        assert tab.text("#customer-invoice .sum span") == "Credit"
        assert tab.js("document.querySelector('#customer-invoice .sum data').value") == "-8.00"
        assert tab.texts("#customer-issued tbody th") == ["2017-01-000001"]


def test_totals_change_while_events_flow(tab: Tab) -> None:
    """Without a click, to the micro, and no part of the page is made anew."""
    world = two_months()
    with world.served() as client:
        open_page(tab, client)
        before = total(tab)
        tab.js("document.querySelector('[data-type=CALL] data').mark = 1")
        world.event("Alice", 1_000_001, "CALL", CHARLIE_MS)
        world.commit()
        tab.until(f"document.querySelector('#hero-total').value === '{before + Decimal('1.000001')}'")
        assert type_totals(tab)["CALL"] == Decimal("5.500001")
        assert tab.js("document.querySelector('[data-type=CALL] data').mark") == 1


def test_month_picker(tab: Tab) -> None:
    """Shows another month and its status; the URL names it, and back goes back."""
    with two_months().served() as client:
        open_page(tab, client)
        assert tab.texts("#month option") == ["February 2017 · open", "January 2017 · final"]
        choose_month(tab, "2017-01")
        tab.until("document.querySelector('#hero-total').value === '13.000005'")
        assert tab.text("#hero-title") == "Revenue in January 2017 final"
        assert tab.js("location.search") == "?month=2017-01"
        assert tab.js("document.title") == "January 2017 · Queryable Billing"
        tab.js("history.back()")
        tab.until("document.querySelector('#hero-total').value === '261.240003'")
        assert tab.js("location.search + document.querySelector('#month').value") == "2017-02"
        tab.click("#month-before")
        tab.until("document.querySelector('#hero-total').value === '13.000005'")


def test_a_link_leads_to_its_month_and_customer(tab: Tab) -> None:
    """What was shared is what is seen."""
    with two_months().served() as client:
        open_page(tab, client, "?customer=Alice&month=2017-01")
        tab.until("document.querySelector('#customer-total').value === '8.000000'")
        assert tab.text("#customer-title") == "Alice final"
        assert tab.js("document.querySelector('#month').value") == "2017-01"


def test_a_month_that_is_none_is_the_newest(tab: Tab) -> None:
    """A broken link still shows numbers."""
    with two_months().served() as client:
        for month in ("2017-13", "x", "", "2017-02%27"):
            open_page(tab, client, f"?month={month}")
            assert tab.text("#hero-title") == "Revenue in February 2017 open"


def test_a_month_without_events(tab: Tab) -> None:
    """Is shown as one, and the picker leads out of it."""
    with two_months().served() as client:
        open_page(tab, client, "?month=2016-05")
        assert tab.text("#top") == "No customers in this month."
        assert "No events in the month before" in tab.text("#hero-change")
        assert tab.texts("#month option")[-1] == "May 2016 · no events"
        choose_month(tab, "2017-02")
        tab.until("document.querySelector('#hero-total').value === '261.240003'")


def test_find_a_customer_with_the_keyboard_alone(tab: Tab) -> None:
    """Slash, letters, arrow and Enter; the focus is on the name then, and back is a link away."""
    with two_months().served() as client:
        open_page(tab, client)
        tab.type("/")
        assert tab.js("document.activeElement.id") == "search-box"
        tab.type("al")
        tab.until("document.querySelectorAll('#search-list [role=option]').length === 1")
        assert tab.js("document.activeElement.getAttribute('aria-expanded')") == "true"
        tab.press("ArrowDown")
        chosen = tab.js("document.activeElement.getAttribute('aria-activedescendant')")
        assert tab.text(f"#{chosen} .found-name") == "Alice"
        tab.press("Enter")
        tab.until("document.querySelector('#customer-total')?.value === '11.250000'")
        assert tab.js("document.activeElement.id") == "customer-title"
        assert tab.js("location.search") == "?customer=Alice"
        assert tab.js("document.querySelector('#overview').hidden")
        tab.js("document.querySelector('#customer-back').focus()")
        tab.press("Enter")
        tab.until("!document.querySelector('#overview').hidden")
        assert tab.js("document.activeElement.id") == "hero-title"


def test_a_customers_month(tab: Tab) -> None:
    """Totals by type, months, invoices issued, and the draft of the open month; a final month shows its invoice."""
    with two_months().served() as client:
        open_page(tab, client, "?customer=Bob")
        tab.until("!document.querySelector('#customer-parts').hidden")
        assert tab.texts("#customer-types tbody th") == ["DATA"]
        assert tab.texts("#customer-months tbody th") == ["February 2017", "January 2017"]
        assert tab.text("#customer-invoice-note") == "Draft: what it would say now"
        assert tab.text("#customer-invoice .sum").split("\n") == ["Total", "€60.00"]
        assert tab.texts("#customer-issued tbody th") == ["2017-01-000002"]
        assert tab.js("document.querySelector('#customer-events').getAttribute('href')") == (
            "customers/Bob/events?month=2017-02"
        )
        assert tab.text("#customer-events") == "The events behind it, as JSON"
        tab.click("#customer-months tbody tr:last-child a")
        tab.until("document.querySelector('#customer-invoice-title').innerText === 'Invoice 2017-01-000002'")
        assert tab.text("#customer-invoice-note") == "Issued 2 Feb 2017, 00:00"
        assert tab.js("location.search") == "?customer=Bob&month=2017-01"


def test_a_customers_budgets(tab: Tab) -> None:
    """Each with its limit, its use and the threshold it has reached; without budgets nothing of that is there."""
    budgets = [
        {"name": "data", "customer": "*", "type": "DATA", "amount": "100", "thresholds": [50, 80]},
        {"name": "events", "customer": "Bob", "count": 30},
    ]
    with two_months(budgets=budgets).served() as client:
        open_page(tab, client, "?customer=Bob")
        tab.until("!document.querySelector('#customer-parts').hidden")
        assert tab.texts("#customer-budgets tbody th") == ["data", "events"]
        assert tab.texts("#customer-budgets tbody tr:first-child td") == ["DATA", "€100.00", "€60.00", "60.0%", "50%"]
        assert tab.texts("#customer-budgets tbody tr:last-child td")[-1] == "\N{EN DASH}"
    with two_months().served() as client:
        open_page(tab, client, "?customer=Bob")
        tab.until("!document.querySelector('#customer-parts').hidden")
        assert tab.js("document.querySelector('#customer-budgets').parentElement.hidden")


def test_a_customers_month_moves_too(tab: Tab) -> None:
    """And what has the focus keeps it."""
    world = two_months()
    with world.served() as client:
        open_page(tab, client, "?customer=Alice")
        tab.until("document.querySelector('#customer-total').value === '11.250000'")
        tab.js("document.querySelector('#customer-months a').focus()")
        world.event("Alice", 1, "PACK", CHARLIE_MS)
        world.commit()
        tab.until("document.querySelector('#customer-total').value === '11.250001'")
        assert tab.js("document.activeElement.innerText") == "February 2017"


def test_a_customer_that_is_not_there(tab: Tab) -> None:
    """Is told to be unknown; nobody else's numbers are shown in its place."""
    with two_months().served() as client:
        for name in ("nobody", "*", "..", "a,b", "{Alice,Bob}", "%", "\N{FOX FACE}"):
            open_page(tab, client)
            tab.click("#search-box")
            tab.type(name)
            tab.press("Enter")
            tab.until("document.querySelector('#customer-note')?.innerText.startsWith('There is no customer')")
            assert tab.text("#customer-title").strip() == name
            assert tab.js("document.querySelector('#customer-parts').hidden")


def test_a_name_is_shown_as_text(tab: Tab) -> None:
    """Whatever it is made of: in the top list, among the suggestions, as a title and in the URL."""
    names = (HOSTILE, "Smith, Jones", "a/b?c#d&e=f", "=1+1", "\N{RIGHT-TO-LEFT OVERRIDE}evil", "{Alice,Bob}", "*")
    world = World()
    for place, name in enumerate(names):
        world.event(name, 199_990_000 + place)
    world.event("Alice", 1_000_000, at_ms=FEBRUARY_MS)
    world.ready()
    with world.served() as client:
        for place, name in enumerate(names):
            check_name(tab, client, name, f"199.99000{place}")


def check_name(tab: Tab, client: Client, name: str, amount: str) -> None:
    open_page(tab, client)
    row = list(top_customers(tab)).index(name) + 1
    tab.click("#search-box")
    tab.call("Input.insertText", text=name[:3])
    tab.until("document.querySelector('#search-list .found-name')")
    assert name in tab.js("[...document.querySelectorAll('#search-list .found-name')].map(n => n.textContent)")
    tab.press("Escape")
    tab.click(f"#top tbody tr:nth-child({row}) a")
    tab.until(f"document.querySelector('#customer-total')?.value === '{amount}'")
    assert tab.js("document.querySelector('#customer-title span').textContent") == name
    assert tab.js("new URLSearchParams(location.search).get('customer')") == name
    assert tab.js("document.querySelectorAll('main img, main script').length") == 0
    assert tab.js("document.title") == f"{name} · Queryable Billing"


def test_a_long_name_does_not_break_the_page(tab: Tab) -> None:
    """Nor does one without a gap to break it at."""
    world = World()
    world.event("W" * 200, 10**15, at_ms=CHARLIE_MS)
    world.ready()
    tab.resize(360, 780)
    with world.served() as client:
        for place in ("", "?customer=" + "W" * 200):
            open_page(tab, client, place)
            tab.until("document.querySelector('main data[value=\"1000000000.000000\"]')")
            assert tab.js("document.documentElement.scrollWidth") <= 360


def test_the_chart_reads_out_exact_amounts(tab: Tab) -> None:
    """By arrow keys, in each of its kinds; a type can be left out; the table has the same numbers."""
    with two_months().served() as client:
        open_page(tab, client)
        tab.js("document.querySelector('#chart').focus()")
        tab.press("Home")
        assert tab.text("#chart-time") == "From Wed 1 Feb, 05:00, hour: €1.50"
        tab.press("ArrowRight")
        assert tab.text("#chart-readout").startswith("From Wed 1 Feb, 06:00, hour: €22.25, MESSAGE")
        for mode in ("running", "lines"):
            tab.click(f"[data-mode={mode}]")
            assert tab.js(f"document.querySelector('[data-mode={mode}]').getAttribute('aria-pressed')") == "true"
        tab.click("[data-mode=running]")
        tab.js("document.querySelector('#chart').focus()")
        tab.press("End")
        assert tab.text("#chart-time").endswith("€261.24")
        tab.click("#legend li:last-child button")
        tab.js("document.querySelector('#chart').blur()")
        tab.until("document.querySelector('#chart-time').innerText === 'All of the month: €71.25'")
        tab.click("#chart-table summary")
        tab.until("document.querySelectorAll('#chart-table tbody tr').length === 50")
        first_hour = tab.texts("#chart-table tbody tr:last-child > *")
        assert first_hour == ["1 Feb, 05:00", "€0.00", "€0.00", "€1.50", "€0.00", "€0.00"]


def test_the_tab_key_reaches_everything_and_shows_where_it_is(tab: Tab) -> None:
    """The first stop skips to the numbers; each stop has a name and can be seen."""
    with two_months().served() as client:
        open_page(tab, client)
        tab.press("Tab")
        assert tab.js("document.activeElement.className") == "skip"
        seen, stops = set(), 0
        while stops < 60:
            stop = tab.js(FOCUSED)
            if stop["tag"] == "BODY":
                break
            assert stop["visible"], stop
            assert stop["named"], stop
            assert stop["outline"] != "none", stop
            seen.add(stop["id"])
            stops += 1
            tab.press("Tab")
        assert {"search-box", "month", "theme", "chart", "Charlie", "link-grafana"} <= seen


def test_nothing_unnamed_and_no_table_without_a_caption(tab: Tab) -> None:
    """Every control has a name, every table a caption and headers, every id is there once."""
    with two_months().served() as client:
        for place in ("", "?customer=Alice"):
            open_page(tab, client, place)
            tab.until("document.querySelectorAll('main table').length > 1")
            assert tab.js("[...document.querySelectorAll('table')].every(t => t.caption?.textContent && t.tHead)")
            ids = tab.js("[...document.querySelectorAll('[id]')].map(n => n.id)")
            assert len(ids) == len(set(ids))
            nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
            roles = {"button", "link", "combobox", "searchbox", "img", "listbox", "progressbar"}
            named = [node for node in nodes if node.get("role", {}).get("value") in roles and not node["ignored"]]
            assert len(named) > 10
            assert [node["role"]["value"] for node in named if not node["name"]["value"]] == []
            assert tab.js("document.documentElement.lang") == "en"


@pytest.mark.parametrize("place", ["", "?customer=Alice"])
def test_no_width_makes_it_scroll_sideways(tab: Tab, place: str) -> None:
    """From a small phone on; nothing sticks out either."""
    with two_months().served() as client:
        for width in (320, 360, 414, 768, 1024):
            tab.resize(width, 780)
            open_page(tab, client, place)
            tab.until("document.querySelectorAll('main table').length > 1")
            assert tab.js("document.documentElement.scrollWidth") <= width
            assert tab.js(f"({OUTSIDE})({width})") == []


def test_dark_and_light(tab: Tab) -> None:
    """As the system has it, until the button says otherwise; that is remembered."""
    background = "getComputedStyle(document.body).backgroundColor"
    with two_months().served() as client:
        tab.prefer(color_scheme="light")
        open_page(tab, client)
        light = tab.js(background)
        tab.prefer(color_scheme="dark")
        tab.until(f"{background} !== {json.dumps(light)}")
        dark = tab.js(background)
        tab.click("#theme")
        assert tab.js(background) == light
        open_page(tab, client)
        assert tab.js(background) == light
        tab.click("#theme")
        assert tab.js(background) == dark
        assert tab.js("localStorage.getItem('theme')") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(tab: Tab, theme: str) -> None:
    """By 4.5 to 1 at least, as WCAG AA asks of small text."""
    with two_months(prometheus_url="http://localhost:9090").served() as client:
        tab.prefer(color_scheme=theme)
        open_page(tab, client)
        for text, behind in [
            ("ink", "page"), ("muted", "page"), ("muted", "card"), ("muted", "wash"), ("accent", "card"),
            ("good", "card"), ("bad", "card"), ("ink", "info-wash"), ("accent", "info-wash"), ("accent", "page"),
            ("warning-ink", "warning-wash"), ("danger-ink", "danger-wash"),
        ]:  # fmt: skip
            assert contrast(tab, text, behind) >= 4.5, (theme, text, behind)
        for slot in range(8):
            assert contrast(tab, f"type-{slot}", "card") >= 1.9, (theme, slot)


def contrast(tab: Tab, one: str, other: str) -> float:
    def luminance(name: str) -> float:
        text: str = tab.js(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")
        digits = text.strip().lstrip("#")
        digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_motion_stops_for_those_who_ask_for_it(tab: Tab) -> None:
    """Nothing is animated then."""
    running = "document.getAnimations().filter(a => a.playState === 'running').length"
    with two_months().served() as client:
        open_page(tab, client)
        tab.until(f"{running} > 0")
        tab.prefer(reduced_motion="reduce")
        tab.until(f"{running} === 0")


def test_the_page_is_all_from_its_own_server(tab: Tab) -> None:
    """Nothing is loaded from elsewhere, and the policy would not let it."""
    with two_months().served() as client:
        open_page(tab, client)
        tab.until("document.fonts.check('16px \"Inter Variable\"')")
        origin = f"http://127.0.0.1:{client.port}/"
        assert {url for url in tab.requested() if not url.startswith(origin)} == set()
        headers = client.get("/", Accept="text/html").headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_files_are_asked_for_again_only_when_they_change() -> None:
    """By their content; and they go compressed to whoever takes that."""
    with two_months().served() as client:
        answer = client.get("/static/js/main.js", Accept_Encoding="gzip")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert client.get("/static/js/main.js", If_None_Match=answer.headers["ETag"]).status == 304
        assert client.get("/static/js/live.js", If_None_Match=answer.headers["ETag"]).status == 200
        assert client.get("/static/vendor/uplot/LICENSE.txt").status == 200
        assert client.get("/static/vendor/inter/inter-latin-wght-normal.woff2").headers["Content-Type"] == "font/woff2"


def test_another_currency_and_zone(tab: Tab) -> None:
    """Amounts bear the currency's sign or code, times are the zone's."""
    world = World(currency="CHF", time_zone="Asia/Kolkata", types=["MISC", "GAS"])
    world.event("Zoë", -1_234_567_895_000, "GAS", CHARLIE_MS)
    world.ready()
    with world.served() as client:
        open_page(tab, client)
        assert tab.text("#hero-total") == f"{MINUS}CHF\u00a01,234,567.895000"
        assert tab.text("[data-type=GAS] .tile-total") == f"{MINUS}CHF\u00a01,234,567.90"
        assert "27 Feb 2017, 02:30:55" in tab.text("#freshness")
        assert "Asia/Kolkata" in tab.text("#pulse-as-of")


@pytest.mark.parametrize(
    ("currency", "tile"), [("JPY", "¥1,235"), ("KWD", "KWD\u00a01,234.568"), ("CLF", "CLF\u00a01,234.5679"),
                           ("IQD", "IQD\u00a01,234.568"), ("RSD", "RSD\u00a01,234.57")],
)  # fmt: skip
def test_amounts_have_the_digits_of_their_currency(tab: Tab, currency: str, tile: str) -> None:
    """As the invoices will; the total of the month is exact whatever the currency."""
    world = World(currency=currency)
    world.event("Zoë", 1_234_567_895)
    with world.ready().served() as client:
        open_page(tab, client)
        assert tab.text("[data-type=MISC] .tile-total") == tile
        assert tab.text("#hero-total").endswith("1,234.567895")


def test_every_currency_is_written_as_the_server_does(tab: Tab) -> None:
    """The browser's digits and signs are the domain's, for each code that a deployment may be set to."""
    codes = [code for code in sorted(list_currencies("en")) if is_known(code)]
    with two_months().served() as client:
        open_page(tab, client)
        digits = tab.js(f"import('/static/js/money.js').then(m => {json.dumps(codes)}.map(m.minorDigits))")
    assert dict(zip(codes, digits, strict=True)) == {code: minor_digits(code) for code in codes}


def test_amounts_are_the_servers_to_the_last_digit(tab: Tab) -> None:
    """What the page makes of micros is what the domain makes of them, also where a float would not reach."""
    sizes = [0, 1, 4_999, 5_000, 12_345, 999_995_000, 9_007_199_254_740_993, 10**18 - 1]
    micros = [sign * size for size in sizes for sign in (1, -1)]
    with two_months().served() as client:
        open_page(tab, client)
        found = tab.js(
            f"import('/static/js/money.js').then(m => {json.dumps([str(one) for one in micros])}.map(BigInt).map(n => "
            "[m.readable(m.formatMicros(n), 'EUR'), String(m.parseMicros(m.formatMicros(n)))]))"
        )
    for one, (shown, again) in zip(micros, found, strict=True):
        assert shown.replace(MINUS, "-").replace("€", "").replace(",", "") == format_rounded(one, "EUR")
        assert int(again) == one


def test_a_program_is_not_given_the_page() -> None:
    """The same address answers it in JSON."""
    with two_months().served() as client:
        assert client.ok("/")["name"] == "queryable-billing"
        assert Client(client.port).get("/", Accept="text/html,*/*").text.startswith("<!doctype html>")


def test_the_eye_on_complaints_sees(unwatched_tab: Tab) -> None:
    """An error in the console, an exception, a breach of the policy: each would fail a test."""
    tab = unwatched_tab
    with two_months().served() as client:
        open_page(tab, client)
        assert tab.complaints() == []
        tab.js("console.error('told')")
        tab.js("setTimeout(() => { throw new Error('thrown') })")
        tab.js("document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.1:1/'}))")
        wanted = ("told", "thrown", "Content Security Policy")
        deadline = time.monotonic() + 60
        while not all(any(word in one for one in tab.complaints()) for word in wanted):
            assert time.monotonic() < deadline, tab.complaints()
            time.sleep(0.05)
