"""Reads the text of a signed token (RFC 7519 in the compact form of RFC 7515), and takes nothing that two could read
differently. It says nothing of the signature yet."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# About what a header may hold at all; tokens with many roles have some thousand.
MAX_TOKEN_BYTES = 8_192
_MAX_KEY_ID = 256
_LOOKS = re.compile(r"[A-Za-z0-9_=+/-]*\.[A-Za-z0-9_=+/-]*\.[A-Za-z0-9_=+/-]*")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
# What `typ` may be: it is missing from many tokens; RFC 9068 gives access tokens one of their own.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})

Claims = Mapping[str, Any]


class Refusal(StrEnum):
    """Why a token is not taken."""

    TOO_LARGE = "too_large"
    """It has more bytes than a token may have."""

    MALFORMED = "malformed"
    """It is not base64url of JSON objects in UTF-8, or names a field twice."""

    HEADER = "header"
    """Its header asks for something that is not done here (`crit`), or it is another kind of token (`typ`)."""

    ALGORITHM = "algorithm"
    """It is signed by an algorithm that `token_algorithms` does not have."""

    UNKNOWN_KEY = "unknown_key"
    """The provider has no such key, or none for this algorithm."""

    NO_KEYS = "no_keys"
    """The provider's keys are not known, or too old to rely on."""

    SIGNATURE = "signature"
    """The signature is not that of the key."""

    EXPIRED = "expired"
    """Its time is over, or it names no end (`exp`)."""

    NOT_YET = "not_yet"
    """Its time has not begun (`nbf`), or it comes from the future (`iat`)."""

    ISSUER = "issuer"
    """Somebody else has issued it (`iss`)."""

    AUDIENCE = "audience"
    """It is meant for others (`aud`)."""

    CLAIMS = "claims"
    """A claim is of another kind than RFC 7519 says."""


class RefusedTokenError(Exception):
    """A token is not taken.

    Args:
        reason: why; the token itself is not in it.
        found: what a signed token says instead of what it should, for the log; empty if nothing is to be said.
    """

    def __init__(self, reason: Refusal, found: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.found = found


@dataclass(frozen=True)
class TokenText:
    """A token whose signature has yet to be verified.

    Args:
        text: all of it.
        algorithm: by which it says it is signed.
        key_id: of the key with which it says it is signed; None if it names none.
        claims: what it says.
    """

    text: str
    algorithm: str
    key_id: str | None
    claims: Claims


def looks_like_token(credentials: str) -> bool:
    """Say whether these credentials are meant to be a signed token: three parts with dots between them."""
    return _LOOKS.fullmatch(credentials) is not None


def read_token(text: str) -> TokenText:
    """Return what a token says.

    Raises:
        RefusedTokenError: it is too large, malformed, or asks for something that is not done here.
    """
    if len(text) > MAX_TOKEN_BYTES:
        raise RefusedTokenError(Refusal.TOO_LARGE)
    parts = text.split(".")
    if len(parts) != 3:
        raise RefusedTokenError(Refusal.MALFORMED)
    header, claims, _ = _object(_bytes(parts[0])), _object(_bytes(parts[1])), _bytes(parts[2])
    kind = header.get("typ", "jwt")
    if "crit" in header or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise RefusedTokenError(Refusal.HEADER)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise RefusedTokenError(Refusal.ALGORITHM)
    if key_id is not None and (not isinstance(key_id, str) or len(key_id) > _MAX_KEY_ID):
        raise RefusedTokenError(Refusal.HEADER)
    return TokenText(text, algorithm, key_id, claims)


def parse_object(text: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ValueError: it is none, or names a field twice, or has a number that JSON has not.
    """
    try:
        found = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _bytes(part: str) -> bytes:
    """Decode base64url without padding; a text that would be written differently is refused."""
    if not _BASE64URL.fullmatch(part):
        raise RefusedTokenError(Refusal.MALFORMED)
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except Base64Error:
        raise RefusedTokenError(Refusal.MALFORMED) from None
    if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode("ascii"):
        raise RefusedTokenError(Refusal.MALFORMED)
    return decoded


def _object(encoded: bytes) -> dict[str, Any]:
    try:
        return parse_object(encoded.decode("utf-8"))
    except ValueError:
        raise RefusedTokenError(Refusal.MALFORMED) from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is named twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
