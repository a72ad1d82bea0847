"""Finds out who asks: one gate for all HTTP servers, whatever kinds of credentials a deployment takes."""

from collections.abc import Sequence
from typing import Protocol

from billing.access.principal import ANYBODY, Principal


class NotAuthenticatedError(Exception):
    """Who asks has shown nothing that is known here.

    Args:
        message: one sentence for them; it never says which part was wrong, nor repeats a secret.
        challenges: for WWW-Authenticate, one per kind of credentials that is taken.
    """

    def __init__(self, message: str, challenges: Sequence[str]) -> None:
        super().__init__(message)
        self.message = message
        self.challenges = tuple(challenges)


class TooManyAttemptsError(Exception):
    """More credentials came than can be looked at.

    Args:
        retry_after_seconds: when to try again.
    """

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("too many credentials wait to be looked at: try again later")
        self.retry_after_seconds = retry_after_seconds


class Authenticator(Protocol):
    """Takes one kind of credentials."""

    @property
    def is_on(self) -> bool:
        """Whether a deployment uses it; may change while it runs."""

    @property
    def challenge(self) -> str:
        """What WWW-Authenticate says of it."""

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        """Return who shows these credentials; None if they are unknown, expired or of another kind.

        Never blocks the event loop.

        Args:
            scheme: of the header Authorization, in lower case: `basic`, `bearer`.
            credentials: what stands behind it.
            address: where the request comes from, so that whoever tries many wrong ones delays nobody else.

        Raises:
            TooManyAttemptsError: too many others are being looked at already.
        """


class Gate:
    """Asks each kind of credentials in turn.

    Args:
        authenticators: all that may be on.
    """

    def __init__(self, authenticators: Sequence[Authenticator] = ()) -> None:
        self._authenticators = tuple(authenticators)

    @property
    def is_on(self) -> bool:
        """Whether anybody has to show who they are."""
        return any(one.is_on for one in self._authenticators)

    async def principal(self, authorization: str | None, address: str = "") -> Principal:
        """Return who asks.

        Args:
            authorization: the header of that name, None if there is none.
            address: where the request comes from.

        Raises:
            NotAuthenticatedError: they have to show who they are, and have not.
            TooManyAttemptsError: too many credentials are being looked at already.
        """
        asked = [one for one in self._authenticators if one.is_on]
        if not asked:
            return ANYBODY
        scheme, _, credentials = (authorization or "").partition(" ")
        if credentials:
            for one in asked:
                if who := await one.authenticate(scheme.lower(), credentials.strip(), address):
                    return who
        message = "these credentials are not known here" if credentials else "show who you are: no credentials came"
        # Keys and tokens are asked for in the same words.
        raise NotAuthenticatedError(message, list(dict.fromkeys(one.challenge for one in asked)))
