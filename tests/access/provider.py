"""An identity provider of the tests: keys, the document that publishes them, and tokens, good and bad."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from billing.access.token_rules import TokenRules
from billing.access.token_scopes import TokenScopes

NOW = 1_790_000_000.0
ISSUER = "https://login.example.com/realms/acme"
AUDIENCE = "billing"
SCOPES = TokenScopes("groups", {"billing-team": ("read",), "sre": ("metrics",), "owners": ("admin",)}, "customer_id")
RULES = TokenRules(ISSUER, AUDIENCE, frozenset({"RS256", "ES256", "PS256", "EdDSA"}), 30.0, SCOPES)

_ALGORITHMS = jwt.algorithms.get_default_algorithms()


@dataclass(frozen=True)
class Signer:
    """A key pair of the provider."""

    key_id: str
    algorithm: str
    private: Any

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key, as it is published."""
        public = _ALGORITHMS[self.algorithm].to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.key_id, "use": "sig"}

    def sign(self, signed: bytes, algorithm: str | None = None) -> bytes:
        """The signature of a text."""
        signature: bytes = _ALGORITHMS[algorithm or self.algorithm].sign(signed, self.private)
        return signature


@cache
def rsa_signer(key_id: str = "rsa-1") -> Signer:
    """One key per name, since making one takes long."""
    return Signer(key_id, "RS256", rsa.generate_private_key(65_537, 2_048))


@cache
def ec_signer(key_id: str = "ec-1") -> Signer:
    """One key per name."""
    return Signer(key_id, "ES256", ec.generate_private_key(ec.SECP256R1()))


@cache
def ed_signer(key_id: str = "ed-1") -> Signer:
    """One key per name."""
    return Signer(key_id, "EdDSA", ed25519.Ed25519PrivateKey.generate())


def jwks(*signers: Signer) -> str:
    """The document that publishes keys."""
    return json.dumps({"keys": [one.jwk for one in signers]})


def claims(now: float = NOW, **more: Any) -> dict[str, Any]:
    """Of somebody in the billing team; a claim that is None is left out."""
    given = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u-4711",
        "iat": int(now) - 10,
        "exp": int(now) + 300,
        "groups": ["billing-team"],
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def part(content: bytes | str | Mapping[str, Any]) -> str:
    """A part of a token: base64url without padding; a map is written as JSON."""
    text = json.dumps(content) if isinstance(content, Mapping) else content
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return urlsafe_b64encode(encoded).rstrip(b"=").decode()


def token(
    signer: Signer | None = None,
    payload: bytes | str | Mapping[str, Any] | None = None,
    header: bytes | str | Mapping[str, Any] | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> str:
    """A signed token: as a provider makes it, unless told otherwise.

    Args:
        signer: whose key signs; the EC key if None.
        payload: the claims; if it is a map, instead of those of `claims()`.
        header: fields besides `alg`, `kid` and `typ`; if it is no map, all of the header.
        sign: makes the signature instead of the signer.
    """
    signer = signer or ec_signer()
    if header is None or isinstance(header, Mapping):
        given = {"alg": signer.algorithm, "kid": signer.key_id, "typ": "JWT", **(header or {})}
        header = {name: value for name, value in given.items() if value is not None}
    signed = f"{part(header)}.{part(claims() if payload is None else payload)}"
    return f"{signed}.{part((sign or signer.sign)(signed.encode()))}"
