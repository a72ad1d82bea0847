"""The page where access is controlled: what it asks for, what it keeps, and what each of those who look at it sees."""

import http.client
import json
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from billing.access.keys import Key, Keys
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, new_key
from billing.budget import Budget
from billing.runtime.access.gate import Authenticator, Gate
from billing.runtime.access.keys_file import BearerKeys
from tests.access.known import KnownPasswords, KnownWords
from tests.exporter.client import Client
from tests.exporter.input_log import MadeUpPages
from tests.exporter.world import CHARLIE_MS, CHARLIE_S, FEBRUARY_MS, World, two_months
from tests.page.browser import Tab
from tests.page.page import LIVE, total

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
OTHERS = ["..", "a/b?c#d&e=f", "Smith, 'Jones' \"&\"", "\N{RIGHT-TO-LEFT OVERRIDE}evil", "two\N{LINE SEPARATOR}lines"]
# What no one but its owner may see: a name and an amount.
CANARY, CANARY_MICROS = "Canary & Sons", 987_654_321
SECRETS = {
    "admin-key-7f3a": ["admin"],
    "read-key-19bc": ["read"],
    "metrics-key-55d0": ["metrics"],
    "several-key-08aa": [f"customer:{name}" for name in OTHERS],
}
EVENTS = "/customers/" + quote(HOSTILE, safe="'") + "/events"
TOO_LITTLE = "This opens no numbers: the page needs one of the scopes read, admin or customer:NAME."
EXPIRED = "What this tab held is not accepted any more: it has expired or was revoked."
FORM = "document.querySelector('#entry')?.hidden === false"
TYPED = "[...document.querySelectorAll('input')].map((box) => box.value).join()"
PROBLEM = "document.querySelector('#entry-problem').textContent"


class Named(KnownWords):
    """Has a name for whoever has a word, as a real key has."""

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        who = await super().authenticate(scheme, credentials, address)
        return who and replace(who, name="somebody")


def words() -> KnownWords:
    return Named({word: list(scopes) for word, scopes in SECRETS.items()})


def world(*kinds: Authenticator) -> World:
    """Return a deployment in which hostile names are billed beside one that nobody else may see."""
    budget = Budget(name="cap", customer=HOSTILE, amount="100")
    log = [(0, record(HOSTILE, "7")), (0, record(CANARY, "987.654321"))]
    made = two_months(gate=Gate(kinds), input_pages=MadeUpPages(log), budgets=[budget])
    for place, name in enumerate([HOSTILE, *OTHERS]):
        made.event(name, 1_000_000 * (place + 1), "CALL", FEBRUARY_MS - 3_600_000)
        made.event(name, 7_000_000 + place, "DATA", CHARLIE_MS)
    made.event(CANARY, CANARY_MICROS, "MISC", CHARLIE_MS)
    made.commit()
    return made


def record(customer: str, amount: str) -> bytes:
    return json.dumps({"timestamp": CHARLIE_S, "customer": customer, "amount": amount, "type": "DATA"}).encode()


def address(client: Client, place: str = "") -> str:
    return f"http://127.0.0.1:{client.port}/{place}"


def enter(tab: Tab, client: Client, key: str, place: str = "") -> None:
    """Open the page and give the key that it asks for, as a person would."""
    tab.open(address(client, place))
    give(tab, key)


def give(tab: Tab, key: str) -> None:
    tab.until(FORM)
    tab.click("#entry-key-box")
    tab.call("Input.insertText", text=key)
    tab.press("Enter")


def check_nowhere(tab: Tab, secret: str) -> None:
    """Check that a secret is where it must be and nowhere else that outlives the tab or leaves it."""
    assert secret in tab.js("JSON.stringify({...sessionStorage})")
    for place in (
        "JSON.stringify({...localStorage})",
        "document.cookie",
        "location.href",
        "document.title",
        "document.documentElement.outerHTML",
        TYPED,
    ):
        assert secret not in tab.js(place), place
    assert not [url for url in tab.requested() if secret in url]


def check_clean(tab: Tab, refused: int) -> None:
    """Check that nothing was complained of, and nothing refused, but so many questions who it is."""
    answers = [(status, urlsplit(url).path) for status, url in tab.answers()]
    assert [one for one in answers if one[0] >= 400] == [(401, "/whoami")] * refused
    assert [one for one in tab.complaints() if "/whoami" not in one] == []


def test_a_key_is_asked_for_and_kept_for_the_tab(unwatched_tab: Tab, tmp_path: Path) -> None:
    """A wrong one is told in a sentence; the right one shows all, live; signing out forgets it."""
    tab, made = unwatched_tab, world(words())
    tab.download_to(tmp_path)
    with made.served() as client:
        tab.open(address(client))
        tab.until(FORM)
        assert tab.js("document.activeElement.id") == "entry-key-box"
        assert tab.js("[...document.querySelectorAll('#entry input')].every((box) => box.labels.length === 1)")
        assert tab.js("[...document.querySelectorAll('#search, #overview, #pulse')].every(n => !n.checkVisibility())")
        assert tab.js("document.querySelector('#entry-kinds').hidden")
        assert CANARY not in tab.js("document.documentElement.outerHTML")
        for wrong, sentence in (
            ("", "Enter the key."),
            ("schlüssel", "A key is made of letters, digits and signs of ASCII, without spaces."),
            ("stranger", "This key is not known here, or it has expired."),
            ("metrics-key-55d0", TOO_LITTLE),
        ):
            give(tab, wrong)
            tab.until(f"{PROBLEM} === {json.dumps(sentence)}")
            tab.until("!document.querySelector('#entry-submit').ariaDisabled?.includes('true')")
            assert tab.js("document.querySelector('#entry-problem').getAttribute('role')") == "alert"
            tab.js("document.querySelector('#entry-key-box').value = ''")
        give(tab, "admin-key-7f3a")
        tab.until(LIVE)
        assert tab.js("document.querySelector('#entry').hidden && document.activeElement.id === 'main'")
        before = total(tab)
        made.event("Alice", 1_000_001, "CALL", CHARLIE_MS)
        made.commit()
        tab.until(f"document.querySelector('#hero-total').value !== '{before}'")
        check_nowhere(tab, "admin-key-7f3a")
        for link, name in (("#top-csv", "customers.csv"), ("#link-metrics", "metrics.txt")):
            tab.click(link)
            wait_for(tmp_path / name)
        assert CANARY in (tmp_path / "customers.csv").read_text("utf-8")
        tab.open(address(client, "?customer=Alice"))
        tab.until("document.querySelector('#customer-total')?.value")
        assert tab.texts("#customer-parts h2")[0] == "By type"
        tab.click("#forget")
        tab.until(FORM)
        assert tab.js("sessionStorage.length") == 0
        assert "Alice" not in tab.text("body")
        tab.open(address(client))
        tab.until(FORM)
        assert tab.text("#entry-problem") == ""
        check_clean(tab, refused=4)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, list(path.parent.iterdir())
        time.sleep(0.05)


def test_a_customers_key_shows_theirs_and_nothing_of_others(unwatched_tab: Tab) -> None:
    """Their months, totals, invoices, draft and budgets, live; no list, no search, nothing that is refused."""
    key = new_key()
    keys = Keys([Key(hash_of(key), Principal.of("portal", [f"customer:{HOSTILE}"]))])
    tab, made = unwatched_tab, world(BearerKeys(lambda: keys))
    made.close("2017-01", CHARLIE_MS)
    with made.served() as client:
        enter(tab, client, key, "?customer=Canary+%26+Sons")
        tab.until("document.querySelector('#customer-total')?.value === '7.000000'")
        assert tab.js("document.querySelector('#customer-title span').textContent") == HOSTILE
        assert tab.js("location.search") == ""
        assert (
            tab.js(
                "document.querySelectorAll('#search, #overview, #link-metrics, main img, #own:not([hidden] *)').length"
            )
            == 0
        )
        assert tab.texts("#customer-months tbody th") == ["February 2017", "January 2017"]
        assert tab.texts("#customer-budgets tbody th") == ["cap"]
        assert tab.text("#customer-invoice .sum").startswith("Total")
        assert not tab.js("document.querySelector('#customer-back').checkVisibility()")
        tab.click("#customer-behind button")
        tab.until("document.querySelector('#customer-behind tbody')")
        assert tab.text("#customer-behind [role=status]") == "1 record: they add up to the total, exactly."
        assert tab.texts("#customer-behind tbody td")[-1] == "€7.00"
        made.event(HOSTILE, 1, "DATA", CHARLIE_MS)
        made.commit()
        tab.until("document.querySelector('#customer-total').value === '7.000001'")
        tab.type("/")
        tab.click("#month-before")
        tab.until("document.querySelector('#customer-total').value === '1.000000'")
        assert tab.text("#customer-invoice-title").startswith("Invoice 2017-01-")
        assert tab.js("document.title") == f"{HOSTILE} · January 2017 · Queryable Billing"
        check_own(tab, key, EVENTS)
        check_clean(tab, refused=1)
        # As when the browser shows a page again that was left before what it held was forgotten.
        tab.js("sessionStorage.clear(); dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        tab.until(FORM)
        assert "7.000001" not in tab.js("document.documentElement.outerHTML")


def check_own(tab: Tab, secret: str, *more: str) -> None:
    """Check that neither the page nor what was asked for tells of anybody else."""
    check_nowhere(tab, secret)
    seen = tab.js("document.documentElement.outerHTML + document.title")
    for canary in ("Canary", "987.65", "Charlie", "Alice", "261.24"):
        assert canary not in seen
    paths = {urlsplit(url).path for url in tab.requested()}
    assert {path for path in paths if not path.startswith("/static/")} == {
        "/",
        "/whoami",
        "/api/v1/customer/live",
        *more,
    }


def test_several_customers_and_a_key_that_expires(unwatched_tab: Tab) -> None:
    """One is chosen from one's own, whatever they are called; a key that ends while one looks is asked for again."""
    tab, keys = unwatched_tab, words()
    with world(keys).served() as client:
        enter(tab, client, "several-key-08aa")
        tab.until("document.querySelectorAll('#own option').length === 5")
        for name in OTHERS:
            choose(tab, name)
            tab.until(f"document.querySelector('#customer-total')?.value === '7.00000{OTHERS.index(name) + 1}'")
            assert tab.js("document.querySelector('#customer-title span').textContent") == name
            assert tab.js("document.querySelector('#own').value") == name
            assert tab.js("document.querySelector('#customer-behind').parentElement.hidden") == (name == "..")
        check_own(tab, "several-key-08aa")
        check_clean(tab, refused=1)
        del keys.scopes["several-key-08aa"]
        tab.until(FORM, seconds=30)
        assert tab.text("#entry-problem") == EXPIRED
        assert "7.00000" not in tab.js("document.documentElement.outerHTML")
        assert tab.js("sessionStorage.length") == 0
        give(tab, "read-key-19bc")
        tab.until("document.querySelector('#customer-total')?.value")
        assert tab.js("document.querySelector('#link-metrics').hidden")


def choose(tab: Tab, name: str) -> None:
    tab.js(
        f"(() => {{ const s = document.querySelector('#own'); s.value = {json.dumps(name)};"
        " s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


@pytest.mark.parametrize(
    "with_keys", [True, pytest.param(False, marks=pytest.mark.slow("the form where passwords alone are taken"))]
)
def test_a_password_is_asked_for_by_the_page_and_not_by_the_browser(unwatched_tab: Tab, with_keys: bool) -> None:
    """Where passwords are taken; where keys are too, one chooses. A plain fetch would make the browser ask."""
    tab, passwords = unwatched_tab, KnownPasswords(("zoë:pass:wörd",))
    kinds: list[Authenticator] = [words()] if with_keys else []
    with world(*kinds, passwords).served() as client, tab.passwords_asked("*/whoami", "*/months") as asked:
        tab.open(address(client))
        tab.until(FORM)
        assert tab.js("document.querySelector('#entry-kinds').hidden") is not with_keys
        if with_keys:
            tab.click("#entry-kinds [value=password]")
        sign_in(tab, "zoë", "wrong")
        tab.until(f"{PROBLEM} === 'This user and password are not known here.'")
        sign_in(tab, "zoë", "pass:wörd")
        tab.until(LIVE)
        check_nowhere(tab, tab.js("sessionStorage.access.split(' ')[1]"))
        check_clean(tab, refused=2)
        assert asked == []
        tab.js("fetch('/months').then((answer) => answer.status)")
        assert [urlsplit(url).path for url in asked] == ["/months"], "else this test sees nothing"


def sign_in(tab: Tab, user: str, password: str) -> None:
    tab.js("document.querySelector('#entry-form').reset()")
    tab.click("#entry-user-box")
    tab.call("Input.insertText", text=user)
    tab.press("Tab")
    tab.call("Input.insertText", text=password)
    tab.press("Enter")


@pytest.mark.parametrize(
    ("headers", "schemes"),
    [({}, ["Bearer", "Basic"]), ({"X-Requested-With": "billing-page"}, ["Bearer", "X-Basic"])],
)
def test_what_the_page_asks_is_not_challenged_as_a_link_is(headers: dict[str, str], schemes: list[str]) -> None:
    """A challenge of the scheme Basic would make the browser ask."""
    with world(words(), KnownPasswords(())).served() as client:
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
        try:
            connection.request("GET", "/whoami", headers=headers)
            told = connection.getresponse().headers.get_all("WWW-Authenticate") or []
        finally:
            connection.close()
    assert [one.partition(" ")[0] for one in told] == schemes


def test_without_access_control_nothing_is_asked(tab: Tab) -> None:
    """Nor is there anything to sign out of."""
    with two_months().served() as client:
        tab.open(address(client))
        tab.until(LIVE)
        assert tab.js("document.querySelector('#entry').hidden && document.querySelector('#forget').hidden")
        assert tab.js("sessionStorage.length") == 0
