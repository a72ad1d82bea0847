"""What the page's tests share: one Chromium, a tab of its own for each test, and an eye on what the browser says."""

from collections.abc import Iterator

import pytest

from tests.page.browser import INSTALL, Browser, Tab, chromium, find_chromium


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A running Chromium."""
    if find_chromium() is None:
        pytest.skip(INSTALL)
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """An empty tab with nothing remembered; whatever the test does, the browser has nothing to complain of."""
    with browser.tab() as opened:
        yield opened
        # The server may end while the browser still fetches its icon: that is no fault of the page.
        assert [one for one in opened.complaints() if "net::ERR_CONNECTION_REFUSED" not in one] == []


@pytest.fixture
def unwatched_tab(browser: Browser) -> Iterator[Tab]:
    """A tab whose complaints do not matter: a server that is gone is one to every browser."""
    with browser.tab() as opened:
        yield opened
