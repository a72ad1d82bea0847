"""Reads what an identity provider publishes, from its address or from a file. It waits: for a thread, not a loop."""

import asyncio
import ssl
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import aiohttp

from billing.access.token_keys import MAX_JWKS_BYTES
from billing.access.token_source import parse_source

TRY_SECONDS = 5.0
_MAX_WORDS = 200


class SourceError(Exception):
    """Nothing could be read; the message says why, in words that may be logged."""


class KeySource(Protocol):
    """Where a provider's keys come from."""

    def read(self) -> str:
        """Return the text of the key set.

        Raises:
            SourceError: it can't be read.
        """


class FileSource:
    """A key set in a file.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> str:
        """Return what the file holds; a little more than a key set may have, if it is too large."""
        try:
            with self._path.open("rb") as file:
                return _decoded(file.read(MAX_JWKS_BYTES + 1))
        except OSError as error:
            raise SourceError(error.strerror or "it can't be read") from None


class AddressSource:
    """A key set at an address. Redirects are not followed: what stands at another address is somebody else's.

    Args:
        address: https, or http on this machine.
        tls: which certificates are trusted.
        try_seconds: how long all of it may take.
    """

    def __init__(self, address: str, tls: ssl.SSLContext, try_seconds: float = TRY_SECONDS) -> None:
        self._address, self._tls, self._try_seconds = address, tls, try_seconds

    def read(self) -> str:
        """Return what the address answers."""
        try:
            return asyncio.run(self._fetch())
        except TimeoutError:
            raise SourceError(f"no answer within {self._try_seconds:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError(_words(error)) from None

    async def _fetch(self) -> str:
        headers = {
            "Accept": "application/json",
            # What comes unpacked is as large as it looks.
            "Accept-Encoding": "identity",
            "User-Agent": f"queryable-billing/{version('queryable-billing')}",
        }
        timeout = aiohttp.ClientTimeout(total=self._try_seconds)
        async with (
            aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers=headers, auto_decompress=False
            ) as session,
            session.get(self._address, ssl=self._tls, allow_redirects=False) as answer,
        ):
            if 300 <= answer.status < 400:
                raise SourceError("it redirects, which is not followed: set token_jwks to where the keys are")
            if answer.status != 200:
                raise SourceError(f"it answers {answer.status}")
            return _decoded(await _body(answer))


def make_source(jwks: str, ca_file: str, try_seconds: float = TRY_SECONDS) -> KeySource:
    """Return the source that settings name.

    Args:
        jwks: an address or a file.
        ca_file: of the authorities that sign the provider's certificate; empty: those of the system.
        try_seconds: how long a reading from an address may take.

    Raises:
        OSError: the file of authorities can't be read.
        ValueError: it holds no certificate.
    """
    source = parse_source(jwks)
    if isinstance(source, Path):
        return FileSource(source)
    return AddressSource(source, ssl.create_default_context(cafile=ca_file or None), try_seconds)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body; no more than a key set may have."""
    parts, size = [], 0
    async for part in answer.content.iter_chunked(65_536):
        parts.append(part)
        size += len(part)
        if size > MAX_JWKS_BYTES:
            raise SourceError(f"it answers with more than {MAX_JWKS_BYTES} bytes")
    return b"".join(parts)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise SourceError("not UTF-8") from None


def _words(error: Exception) -> str:
    """Return what went wrong in one short line, with nothing of what was answered."""
    if isinstance(error, aiohttp.ClientResponseError):
        return "it answers with something that is no HTTP"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    return " ".join(str(error).split())[:_MAX_WORDS] or type(error).__name__
