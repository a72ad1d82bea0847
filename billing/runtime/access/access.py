"""Who is let in to an HTTP server, and by which kind of connection: one way to open it for all parts."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from billing.access.web_config import ClientAuth, WebConfig
from billing.runtime.access.basic import BasicAuthenticator
from billing.runtime.access.gate import Authenticator, Gate
from billing.runtime.access.keys_file import BearerKeys, KeysFile, show_keys
from billing.runtime.access.password_checks import PasswordChecks
from billing.runtime.access.token_access import make_token_access
from billing.runtime.access.web_config_file import WebConfigFile
from billing.runtime.logs import get_logger
from billing.settings import Settings

logger = get_logger(__name__)

_REFRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Access:
    """What an HTTP server takes connections and requests with. Without arguments anybody may do all.

    Args:
        gate: finds out who asks.
        tls: what the next connection is taken with; None: plain HTTP.
        web_config: what the web config file says now.
        refreshes: each looks whether something has changed and reads it again if so; called in a thread.
    """

    gate: Gate = field(default_factory=Gate)
    tls: Callable[[], ssl.SSLContext] | None = None
    web_config: Callable[[], WebConfig] = WebConfig
    refreshes: tuple[Callable[[], None], ...] = ()

    @property
    def is_controlled(self) -> bool:
        """Whether somebody has to show who they are: by credentials, or by a certificate that a CA has signed."""
        tls = self.web_config().tls
        return self.gate.is_on or (tls is not None and tls.client_auth is ClientAuth.REQUIRE_AND_VERIFY)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take changes of files in while the block runs."""
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(_REFRESH_SECONDS):
                for refresh in self.refreshes:
                    try:
                        refresh()
                    except Exception:
                        logger.exception("access not read again")

        if self.refreshes:
            threading.Thread(target=watch, name="access-watch", daemon=True).start()
        try:
            yield
        finally:
            stop.set()


# Nothing is asked of anybody.
OPEN = Access()


def make_access(settings: Settings, registry: CollectorRegistry) -> Access:
    """Return who is let in by the settings.

    Args:
        settings: of the deployment.
        registry: of the part's metrics.

    Raises:
        OperatorError: a file that is named cannot be used.
    """
    kinds = [_web_config(settings, registry), _keys(settings, registry), _tokens(settings, registry)]
    return Access(
        Gate([one for kind in kinds for one in kind.authenticators]),
        kinds[0].tls,
        kinds[0].web_config,
        tuple(refresh for kind in kinds for refresh in kind.refreshes),
    )


def check_files(settings: Settings) -> None:
    """Go on if the files that say who is let in can be used; each is named by a setting, or there is none.

    Raises:
        OperatorError: one cannot.
    """
    if settings.web_config_file:
        WebConfigFile(Path(settings.web_config_file))
    if settings.keys_file:
        KeysFile(Path(settings.keys_file))
    make_token_access(settings, CollectorRegistry())


@dataclass(frozen=True)
class _Kind:
    """What one setting turns on: nothing unless it is set."""

    authenticators: tuple[Authenticator, ...] = ()
    refreshes: tuple[Callable[[], None], ...] = ()
    tls: Callable[[], ssl.SSLContext] | None = None
    web_config: Callable[[], WebConfig] = WebConfig


def _web_config(settings: Settings, registry: CollectorRegistry) -> _Kind:
    good = Gauge(
        "billing_web_config_last_reload_successful",
        "1 unless the web config file has changed into one that cannot be used",
        registry=registry,
    )
    good.set(1)
    if not settings.web_config_file:
        return _Kind()
    file = WebConfigFile(Path(settings.web_config_file))
    good.set_function(lambda: float(file.is_good))
    basic = BasicAuthenticator(lambda: file.config.users, PasswordChecks())
    return _Kind((basic,), (file.refresh,), file.context if file.has_tls else None, lambda: file.config)


def _keys(settings: Settings, registry: CollectorRegistry) -> _Kind:
    file = KeysFile(Path(settings.keys_file)) if settings.keys_file else None
    show_keys(registry, file)
    return _Kind((BearerKeys(lambda: file.keys),), (file.refresh,)) if file else _Kind()


def _tokens(settings: Settings, registry: CollectorRegistry) -> _Kind:
    tokens = make_token_access(settings, registry)
    return _Kind((tokens.authenticator,), (tokens.refresh,)) if tokens else _Kind()
