"""What the page says when the numbers are not known, not real, or no longer told."""

from broker.ports import free_port
from exporter.model.input_ends import InputEnds
from tests.exporter.world import World, two_months
from tests.page.browser import Tab
from tests.page.page import LIVE, banners, open_page, standalone, total

# What stands where a number is not known.
DASH = "\N{EN DASH}"


def test_made_up_data_flows_and_is_called_so(tab: Tab) -> None:
    """As ``qb export --standalone`` serves it."""
    with standalone(free_port()) as client:
        open_page(tab, client)
        assert banners(tab) == ["standalone"]
        first = total(tab)
        tab.until(f"document.querySelector('#hero-total').value !== '{first}'")
        assert tab.js("document.querySelectorAll('#month option').length") >= 3
        # Whoever still looks when the server ends would complain of that.
        tab.open("about:blank")


def test_a_server_that_goes_and_comes_back(unwatched_tab: Tab) -> None:
    """A banner says that the connection is lost and as of when the numbers are; it goes by itself."""
    tab, port = unwatched_tab, free_port()
    with standalone(port) as client:
        open_page(tab, client)
    tab.until("document.querySelector('[data-banner=lost]')")
    assert "as of" in tab.text("[data-banner=lost]")
    assert tab.js("document.querySelector('[data-banner=lost]').getAttribute('role')") == "alert"
    assert tab.text("#pulse-state") == "Connection lost"
    assert tab.js("document.querySelector('main').dataset.stale") == "true"
    assert total(tab) > 0
    with standalone(port):
        tab.until(f"!document.querySelector('[data-banner=lost]') && {LIVE}", seconds=30)
        assert tab.js("document.querySelector('main').dataset.stale ?? null") is None
        assert tab.text("#announcer") == "Connected again"


def test_not_known_is_not_zero(tab: Tab) -> None:
    """While the topics are read there is no number, but how far it is; then the numbers come by themselves."""
    world = World()
    world.event("Charlie", 199_990_000)
    world.commit()
    with world.served() as client:
        tab.open(f"http://127.0.0.1:{client.port}/")
        tab.until("document.querySelector('[data-banner=waiting]')")
        assert tab.text("#hero-total") == DASH
        assert tab.text("#pulse-state") == "Catching up"
        assert tab.texts(".tile") == []
        world.model.caught_up()
        tab.until("document.querySelector('#hero-total').value === '199.990000'")
        assert banners(tab) == []


def test_a_failing_check_is_told_in_words(tab: Tab) -> None:
    """Above the numbers, which are still true as of their time."""
    world = two_months()
    with world.served() as client:
        world.ends = InputEnds(False, "no broker answers", {})
        open_page(tab, client)
        tab.until("document.querySelector('[data-banner=health]')")
        assert tab.text("[data-banner=health]") == "Something is wrong Kafka: no broker answers."
        assert tab.text("#health-badge") == "degraded"
        assert "unknown" in tab.text("#freshness")
        world.ends = InputEnds(True, "a broker answers", {}, unmoved={0: 1_200})
        tab.until("!document.querySelector('[data-banner=health]')")
        assert "To be moved\n1,200 records" in tab.text("#freshness")


def test_simulated_time_is_called_so(tab: Tab) -> None:
    """So that nobody takes 2017 for a mistake."""
    world = two_months(simulation_speed=60.0, simulation_start_ms=1_485_907_200_000)
    with world.served() as client:
        open_page(tab, client)
        assert banners(tab) == ["simulated"]


def test_nothing_yet(tab: Tab) -> None:
    """Before the first event there is a page without a month; the first event fills it."""
    world = World().ready()
    with world.served() as client:
        tab.open(f"http://127.0.0.1:{client.port}/")
        tab.until("document.querySelectorAll('.tile').length === 5")
        assert tab.text("#hero-total") == "€0.000000"
        assert tab.js("document.querySelector('#month').disabled")
        world.event("Charlie", 199_990_000)
        world.commit()
        tab.until("document.querySelector('#hero-total').value === '199.990000'")
        assert tab.text("#month") == "February 2017 · open"
