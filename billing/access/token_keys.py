"""The keys of an identity provider (JWKS, RFC 7517), and whether one of them has signed a token.

Only public keys are taken, and each only for the algorithms that its type has: a text that is a public key to one
algorithm can be a secret to none, since no algorithm with a shared secret is known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from billing.access.token_text import Refusal, RefusedTokenError, TokenText, parse_object

MAX_JWKS_BYTES = 262_144
_MAX_KEYS = 100
_LEAST_RSA_BITS = 2_048
# What a JWK holds if it is a private key, of any type.
_PRIVATE_FIELDS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES = {("EC", "P-256"): ("ES256",), ("OKP", "Ed25519"): ("EdDSA",)}

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True)
class VerifyingKey:
    """A public key.

    Args:
        key_id: its name, `kid`; None if it has none.
        algorithms: what it can verify.
        key: itself.
    """

    key_id: str | None
    algorithms: tuple[str, ...]
    key: PublicKey


@dataclass(frozen=True)
class KeySet:
    """All keys of a provider that can verify tokens.

    Args:
        keys: at least one.
        left_out: how many others it has: for encryption, of other types, too short, private.
    """

    keys: tuple[VerifyingKey, ...]
    left_out: int = 0

    def find(self, token: TokenText) -> Sequence[VerifyingKey]:
        """Return the keys that may have signed a token.

        A token that names no key is only verified if there is just one for its algorithm.
        """
        fitting = [one for one in self.keys if token.algorithm in one.algorithms]
        if token.key_id is None:
            return fitting if len(fitting) == 1 else ()
        return [one for one in fitting if one.key_id == token.key_id]


def parse_jwks(text: str) -> KeySet:
    """Return the keys in a JWKS document.

    Raises:
        ValueError: it is none, or has no key that can verify a token; nothing of the document is in the message.
    """
    if len(text) > MAX_JWKS_BYTES:
        raise ValueError(f"larger than {MAX_JWKS_BYTES} bytes")
    try:
        found = parse_object(text).get("keys")
    except ValueError:
        raise ValueError("not a JSON object") from None
    if not isinstance(found, list):
        raise ValueError("not a key set: it has no list `keys`")
    if len(found) > _MAX_KEYS:
        raise ValueError(f"more than {_MAX_KEYS} keys")
    keys = tuple(key for one in found if (key := _verifying_key(one)))
    if not keys:
        raise ValueError("no public key that can verify a token: RSA with 2048 bits or more, EC P-256, or Ed25519")
    return KeySet(keys, len(found) - len(keys))


def check_signature(token: TokenText, keys: Sequence[VerifyingKey]) -> None:
    """Check that one of these keys has signed a token.

    Raises:
        RefusedTokenError: none has.
    """
    for one in keys:
        try:
            _signatures().decode_complete(token.text, key=one.key, algorithms=[token.algorithm])
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return
    raise RefusedTokenError(Refusal.SIGNATURE)


@cache
def _signatures() -> jwt.PyJWS:
    return jwt.PyJWS(algorithms=["RS256", "PS256", "ES256", "EdDSA"])


def _verifying_key(jwk: object) -> VerifyingKey | None:
    """Return a key that can verify; None for any other, which a provider may have for other purposes."""
    if not isinstance(jwk, dict) or not _is_for_signatures(jwk) or _PRIVATE_FIELDS & jwk.keys():
        return None
    algorithms = _algorithms(jwk)
    if not algorithms:
        return None
    try:
        key = jwt.PyJWK(jwk, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if not isinstance(key, PublicKey) or (isinstance(key, RSAPublicKey) and key.key_size < _LEAST_RSA_BITS):
        return None
    return VerifyingKey(jwk.get("kid"), algorithms, key)


def _is_for_signatures(jwk: dict[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    named = jwk.get("kid", "")
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations and isinstance(
        named, str
    )  # fmt: skip


def _algorithms(jwk: dict[str, Any]) -> tuple[str, ...]:
    """Return the algorithms that a key of its type has; only the one that it is for, if it says so."""
    kind, curve, named = jwk.get("kty"), jwk.get("crv"), jwk.get("alg")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return ()
    able = ("RS256", "PS256") if kind == "RSA" else _CURVES.get((kind, curve or ""), ())
    return able if named is None else tuple(one for one in able if one == named)
