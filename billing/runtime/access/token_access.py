"""Makes what takes the tokens of an identity provider, by the settings."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from billing.access.key_times import OF_ADDRESS, OF_FILE
from billing.errors import OperatorError
from billing.runtime.access.key_source import FileSource, KeySource, SourceError, make_source
from billing.runtime.access.provider_keys import ProviderKeys
from billing.runtime.access.tokens import TokenAuthenticator
from billing.settings import Settings


@dataclass(frozen=True)
class TokenAccess:
    """What takes tokens.

    Args:
        authenticator: knows who has one.
        refresh: reads the provider's keys again if it is time to; to be called each second or so.
    """

    authenticator: TokenAuthenticator
    refresh: Callable[[], None]


def make_token_access(settings: Settings, registry: CollectorRegistry) -> TokenAccess | None:
    """Return what takes tokens; None if the settings name no keys.

    A file must hold keys. An address need not answer yet: the provider may start later than this.

    Args:
        settings: of the deployment.
        registry: of the part's metrics.

    Raises:
        OperatorError: a file can't be used.
    """
    if not settings.token_jwks:
        return None
    source = _source(settings)
    is_file = isinstance(source, FileSource)
    keys = ProviderKeys(source, OF_FILE if is_file else OF_ADDRESS, registry)
    if is_file:
        try:
            keys.read_now()
        except (SourceError, ValueError) as error:
            raise OperatorError(
                f"token_jwks {settings.token_jwks}: {error}; name a file of the identity provider's keys (JWKS), or "
                "their address"
            ) from None
    return TokenAccess(TokenAuthenticator(settings.token_rules, keys, registry), keys.refresh)


def _source(settings: Settings) -> KeySource:
    try:
        return make_source(settings.token_jwks, settings.token_ca_file)
    except (ssl.SSLError, ValueError):
        raise _bad_authorities(settings, "it holds no certificate") from None
    except OSError as error:
        raise _bad_authorities(settings, error.strerror or "it can't be read") from None


def _bad_authorities(settings: Settings, reason: str) -> OperatorError:
    return OperatorError(f"token_ca_file {settings.token_ca_file}: {reason}; name a file of certificates in PEM")
