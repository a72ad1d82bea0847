"""Cursors for those who may not see what is in them: sealed, so that nobody reads one or makes one up."""

import orjson
from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken

from exporter.web.problems import bad_parameter


class Seal:
    """Seals texts for one owner each; the key lives as long as the process, and so do the cursors."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def close(self, owner: str, text: str) -> str:
        """Return a text that tells nothing and goes into a URL as it is."""
        return self._fernet.encrypt(orjson.dumps([owner, text])).decode().rstrip("=")

    def open(self, owner: str, sealed: str) -> str:
        """Return what was sealed for this owner.

        Raises:
            ProblemError: it was not, or by another process.
        """
        try:
            token = sealed.encode("ascii") + b"=" * (-len(sealed) % 4)
            sealed_for, text = orjson.loads(self._fernet.decrypt(token))
        except (InvalidToken, UnicodeEncodeError):
            raise bad_parameter("cursor", "is not the `next` of a page") from None
        if sealed_for != owner:
            raise bad_parameter("cursor", "is not the `next` of a page")
        return str(text)


SEAL = web.AppKey("seal", Seal)
