"""Of a provider's key set those keys are taken that can verify a token, and nothing else."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from billing.access.token_check import check_token
from billing.access.token_keys import MAX_JWKS_BYTES, parse_jwks
from billing.access.token_text import Refusal, RefusedTokenError
from tests.access.provider import NOW, RULES, Signer, ec_signer, ed_signer, jwks, rsa_signer, token

RSA, EC, ED = rsa_signer(), ec_signer(), ed_signer()
SHORT = Signer("short", "RS256", rsa.generate_private_key(65_537, 1_024))
P384 = Signer("p384", "ES384", ec.generate_private_key(ec.SECP384R1()))


def test_each_key_is_for_the_algorithms_of_its_type() -> None:
    """And only for the one that it names, if it names one."""
    named = {**rsa_signer("rsa-2").jwk, "alg": "PS256"}
    keys = parse_jwks(json.dumps({"keys": [RSA.jwk, EC.jwk, ED.jwk, named]})).keys
    assert [(one.key_id, one.algorithms) for one in keys] == [
        ("rsa-1", ("RS256", "PS256")),
        ("ec-1", ("ES256",)),
        ("ed-1", ("EdDSA",)),
        ("rsa-2", ("PS256",)),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "hmac", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "hmac", "alg": "RS256"},
        {**RSA.jwk, "use": "enc"},
        {**RSA.jwk, "key_ops": ["encrypt"]},
        {**RSA.jwk, "key_ops": "verify"},
        {**RSA.jwk, "alg": "RSA-OAEP"},
        {**RSA.jwk, "alg": "HS256"},
        {**RSA.jwk, "alg": ["RS256"]},
        {**RSA.jwk, "d": "AQAB"},
        {**RSA.jwk, "k": "AQAB"},
        {**RSA.jwk, "kid": 1},
        {**RSA.jwk, "n": "AQAB"},
        {**RSA.jwk, "n": ""},
        {**RSA.jwk, "n": 5},
        {**RSA.jwk, "e": "!"},
        {**RSA.jwk, "e": "Ag"},
        {**RSA.jwk, "kty": "EC"},
        {**RSA.jwk, "kty": ["RSA"]},
        {**EC.jwk, "x": EC.jwk["y"]},
        {**EC.jwk, "crv": "P-384"},
        {**EC.jwk, "crv": ["P-256"]},
        {**EC.jwk, "kty": "OKP"},
        {**ED.jwk, "crv": "X25519"},
        SHORT.jwk,
        P384.jwk,
        {},
        None,
        "RSA",
        [],
    ],
)
def test_other_keys_are_left_out(other: Any) -> None:
    """A provider may publish keys for other purposes; a private or a short one is nobody's proof."""
    keys = parse_jwks(json.dumps({"keys": [other, EC.jwk]}))
    assert [one.key_id for one in keys.keys] == ["ec-1"]
    assert keys.left_out == 1
    with pytest.raises(ValueError, match="no public key that can verify a token"):
        parse_jwks(json.dumps({"keys": [other]}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a JSON object"),
        ("<html>secret</html>", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('{"keys": [], "keys": []}', "not a JSON object"),
        ("{}", "no list `keys`"),
        ('{"keys": {}}', "no list `keys`"),
        ('{"keys": []}', "no public key"),
        (json.dumps({"keys": [None] * 101}), "more than 100 keys"),
        (" " * (MAX_JWKS_BYTES + 1), "larger than 262144 bytes"),
    ],
)
def test_what_is_no_key_set_is_refused_in_a_sentence(text: str, why: str) -> None:
    """Nothing of it is in the sentence."""
    with pytest.raises(ValueError, match=why) as refused:
        parse_jwks(text)
    assert "secret" not in str(refused.value)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from(["keys", "kty", "crv", "kid", "n", "e", "x", "y", "alg", "use"]), one)))  # fmt: skip
def test_any_json_is_a_key_set_or_refused(found: object) -> None:
    """With no other error."""
    with pytest.raises(ValueError, match=r"."):
        parse_jwks(json.dumps(found))


def test_a_token_without_a_key_name_needs_a_single_key_for_its_algorithm() -> None:
    """With two of them it does not say which one is meant."""
    unnamed = token(EC, header={"kid": None})
    assert check_token(unnamed, parse_jwks(jwks(EC, RSA)), RULES, NOW)
    with pytest.raises(RefusedTokenError) as refused:
        check_token(unnamed, parse_jwks(jwks(EC, ec_signer("ec-2"))), RULES, NOW)
    assert refused.value.reason is Refusal.UNKNOWN_KEY


def test_two_keys_of_one_name_are_both_tried() -> None:
    """Names are the provider's to give."""
    twin = Signer("ec-1", "ES256", ec_signer("ec-2").private)
    keys = parse_jwks(jwks(twin, EC))
    assert check_token(token(EC), keys, RULES, NOW)
    assert check_token(token(twin), keys, RULES, NOW)
