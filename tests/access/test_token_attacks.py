"""Tokens that others make up, and tokens that are meant for others, are refused: a table of what attackers try."""

import hmac
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.access.principal import Principal, Scope
from billing.access.token_check import check_token
from billing.access.token_keys import parse_jwks
from billing.access.token_rules import Admitted
from billing.access.token_text import MAX_TOKEN_BYTES, Refusal, RefusedTokenError, looks_like_token
from tests.access.provider import (
    AUDIENCE,
    ISSUER,
    NOW,
    RULES,
    Signer,
    claims,
    ec_signer,
    ed_signer,
    jwks,
    part,
    rsa_signer,
    token,
)
from tests.examples import examples

RSA, EC, ED = rsa_signer(), ec_signer(), ed_signer()
KEYS = parse_jwks(jwks(RSA, EC, ED))
MALLORY_RSA = Signer("rsa-1", "RS256", rsa.generate_private_key(65_537, 2_048))
MALLORY_EC = Signer("ec-1", "ES256", ec.generate_private_key(ec.SECP256R1()))


def checked(text: str) -> Admitted:
    """The token as a running part takes it."""
    return check_token(text, KEYS, RULES, NOW)


def by_hmac(secret: bytes, bits: int = 256) -> Callable[[bytes], bytes]:
    """A signature with a shared secret."""
    return lambda signed: hmac.new(secret, signed, f"sha{bits}").digest()


def pem(
    signer: Signer, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo, lines: Encoding = Encoding.PEM
) -> bytes:
    """The public key as a text that an attacker has too."""
    public: bytes = signer.private.public_key().public_bytes(lines, form)
    return public


def own_key(signer: Signer, **header: object) -> str:
    """Signed by a key of the attacker's that the header brings along."""
    return token(signer, claims(groups=["owners"]), {"kid": None, **header})


@pytest.mark.parametrize("signer", [RSA, EC, ED, Signer("rsa-1", "PS256", RSA.private)], ids=lambda one: one.algorithm)
def test_a_token_of_the_provider_is_taken(signer: Signer) -> None:
    """Whichever of the algorithms it is signed by."""
    admitted = checked(token(signer))
    assert admitted == Admitted(Principal("u-4711", frozenset({Scope.READ})), NOW + 330)


@pytest.mark.parametrize(
    ("payload", "header"),
    [
        (claims(aud=["other", AUDIENCE]), {}),
        (claims(iat=None), {}),
        (claims(exp=NOW - 29.5), {}),
        (claims(nbf=NOW + 29), {}),
        (claims(nbf=int(NOW) - 5, iat=NOW + 29.5), {}),
        (claims(), {"typ": None}),
        (claims(), {"typ": "at+jwt"}),
        (claims(), {"typ": "application/AT+JWT"}),
        (claims(), {"x5t": "abc", "jku": "https://login.example.com/keys"}),
    ],
)
def test_what_providers_write_differently_is_taken(payload: dict[str, object], header: dict[str, object]) -> None:
    """The audience in a list, a clock that differs by less than the leeway, kinds of access tokens."""
    assert checked(token(EC, payload, header)).principal.may_read_all


TWICE = json.dumps(claims())[:-1] + ', "groups": ["owners"]}'
BAD: dict[str, tuple[str, Refusal]] = {
    # Nobody has signed it.
    **{
        f"alg {name}": (token(EC, header={"alg": name}, sign=lambda _: b"x"), Refusal.ALGORITHM)
        for name in ("none", "None", "NONE", "nOnE", "", "none ", "\u017fone")
    },
    "alg none, no signature": (token(EC, header={"alg": "none"}).rpartition(".")[0] + ".", Refusal.MALFORMED),
    "alg missing": (token(EC, header={"alg": None}), Refusal.ALGORITHM),
    "alg a list": (token(EC, header={"alg": ["ES256"]}), Refusal.ALGORITHM),
    "no signature": (token(EC).rpartition(".")[0] + ".", Refusal.MALFORMED),
    "signature of zeros": (token(EC, sign=lambda _: bytes(64)), Refusal.SIGNATURE),
    "signature of 65 bytes": (token(EC, sign=lambda text: EC.sign(text) + b"\0"), Refusal.SIGNATURE),
    "signature one byte": (token(RSA, sign=lambda _: b"\0"), Refusal.SIGNATURE),
    # A public key as a shared secret.
    **{
        f"HS{bits} with {what}": (
            token(RSA, claims(groups=["owners"]), {"alg": f"HS{bits}"}, by_hmac(secret, bits)),
            Refusal.ALGORITHM,
        )
        for bits in (256, 384, 512)
        for what, secret in {
            "the PEM": pem(RSA),
            "the PEM without its last line end": pem(RSA).strip(),
            "the PKCS1 PEM": pem(RSA, PublicFormat.PKCS1),
            "the DER": pem(RSA, lines=Encoding.DER),
            "the EC PEM": pem(EC),
            "the JWK": json.dumps(RSA.jwk).encode(),
            "the modulus": RSA.jwk["n"].encode(),
            "nothing": b"",
        }.items()
    },
    # A right key, but not for this algorithm.
    "ES256 by the RSA key's name": (token(EC, header={"kid": RSA.key_id}), Refusal.UNKNOWN_KEY),
    "RS256 by the EC key's name": (token(RSA, header={"kid": EC.key_id}), Refusal.UNKNOWN_KEY),
    "RS256 said to be PS256": (token(RSA, header={"alg": "PS256"}), Refusal.SIGNATURE),
    "RS256 said to be RS512": (token(RSA, header={"alg": "RS512"}), Refusal.ALGORITHM),
    "ES256K": (token(EC, header={"alg": "ES256K"}), Refusal.ALGORITHM),
    # A key of the attacker's.
    "wrong RSA key": (token(MALLORY_RSA), Refusal.SIGNATURE),
    "wrong EC key": (token(MALLORY_EC), Refusal.SIGNATURE),
    "jwk in the header": (own_key(MALLORY_EC, jwk=MALLORY_EC.jwk), Refusal.SIGNATURE),
    "jku in the header": (own_key(MALLORY_EC, jku="https://evil.example/jwks", kid="ec-1"), Refusal.SIGNATURE),
    "x5u in the header": (own_key(MALLORY_RSA, x5u="https://evil.example/x5", kid="rsa-1"), Refusal.SIGNATURE),
    "x5c in the header": (own_key(MALLORY_RSA, x5c=["MIIB"]), Refusal.SIGNATURE),
    # The key's name as a way in.
    **{
        f"kid {name!r}": (token(EC, header={"kid": name}), Refusal.UNKNOWN_KEY)
        for name in ("", "../../../dev/null", "x' OR '1'='1", "/etc/passwd\0", "EC-1", "ec-1 ", "\uff45c-1", "\ud800")
    },
    "kid of 257 letters": (token(EC, header={"kid": "k" * 257}), Refusal.HEADER),
    **{
        f"kid {kid!r}": (token(EC, header={"kid": kid}), Refusal.HEADER)
        for kid in (1, ["ec-1"], {"a": 1}, True)
    },
    # What a reader must understand, and does not.
    "crit": (token(EC, header={"crit": ["exp"]}), Refusal.HEADER),
    "crit empty": (token(EC, header={"crit": []}), Refusal.HEADER),
    "crit b64": (token(EC, header={"crit": ["b64"], "b64": False}), Refusal.HEADER),
    "b64": (token(EC, header={"b64": False}), Refusal.SIGNATURE),
    **{
        f"typ {kind!r}": (token(EC, header={"typ": kind}), Refusal.HEADER)
        for kind in ("logout+jwt", "dpop+jwt", "JWE", "", 7)
    },
    # Good, but not for us, or not now.
    **{
        f"iss {issuer!r}": (token(EC, claims(iss=issuer)), Refusal.ISSUER)
        for issuer in (ISSUER + "/", ISSUER.upper(), ISSUER[:-1], "", None, [ISSUER], 1, ISSUER + "\0")
    },
    **{
        f"aud {audience!r}": (token(EC, claims(aud=audience)), Refusal.AUDIENCE)
        for audience in ("billing2", "Billing", "", None, [], ["other"], [AUDIENCE + " "], f"other {AUDIENCE}")
    },
    "aud list with a number": (token(EC, claims(aud=[AUDIENCE, 1])), Refusal.CLAIMS),
    "aud map": (token(EC, claims(aud={AUDIENCE: 1})), Refusal.CLAIMS),
    "exp missing": (token(EC, claims(exp=None)), Refusal.EXPIRED),
    "exp null": (token(EC, json.dumps({**claims(), "exp": None})), Refusal.EXPIRED),
    "exp past": (token(EC, claims(exp=NOW - 30)), Refusal.EXPIRED),
    "exp negative": (token(EC, claims(exp=-1)), Refusal.EXPIRED),
    **{
        f"exp {end!r}": (token(EC, f'{json.dumps(claims(exp=None))[:-1]}, "exp": {end}}}'), reason)
        for end, reason in {
            "true": Refusal.CLAIMS,
            '"1800000000"': Refusal.CLAIMS,
            "[1800000000]": Refusal.CLAIMS,
            "1e999": Refusal.CLAIMS,
            "1" + "0" * 400: Refusal.CLAIMS,
            "1" + "0" * 5000: Refusal.MALFORMED,
            "Infinity": Refusal.MALFORMED,
            "NaN": Refusal.MALFORMED,
        }.items()
    },
    "nbf later": (token(EC, claims(nbf=NOW + 31)), Refusal.NOT_YET),
    "nbf text": (token(EC, claims(nbf="0")), Refusal.CLAIMS),
    "iat later": (token(EC, claims(iat=NOW + 31)), Refusal.NOT_YET),
    "iat true": (token(EC, claims(iat=True)), Refusal.CLAIMS),
    # Two readers would read it differently, or none at all.
    "groups named twice": (token(EC, TWICE), Refusal.MALFORMED),
    "alg named twice": (token(EC, header='{"alg": "none", "kid": "ec-1", "alg": "ES256"}'), Refusal.MALFORMED),
    "claims a list": (token(EC, "[1]"), Refusal.MALFORMED),
    "claims no JSON": (token(EC, "{'iss': 1}"), Refusal.MALFORMED),
    "claims in UTF-16": (token(EC, json.dumps(claims()).encode("utf-16")), Refusal.MALFORMED),
    "claims in Latin-1": (token(EC, '{"sub": "é"}'.encode("latin-1")), Refusal.MALFORMED),
    "claims with a byte order mark": (token(EC, "\ufeff" + json.dumps(claims())), Refusal.MALFORMED),
    "header empty": (token(EC, header=""), Refusal.MALFORMED),
    "header a text": (token(EC, header='"ES256"'), Refusal.MALFORMED),
    "padded": (token(EC) + "==", Refusal.MALFORMED),
    "other base64 alphabet": (token(EC, sign=lambda _: b"\xff\xff\xfe").replace("_", "/"), Refusal.MALFORMED),
    "huge": (token(EC, claims(groups=["x" * MAX_TOKEN_BYTES])), Refusal.TOO_LARGE),
    "two dots": ("..", Refusal.MALFORMED),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(name: str) -> None:
    """And the reason says what is wrong with it."""
    text, reason = BAD[name]
    with pytest.raises(RefusedTokenError) as refused:
        checked(text)
    assert refused.value.reason is reason


@pytest.mark.parametrize("text", ['{"a":' * 1_000 + "1" + "}" * 1_000, '{"a":' + "[" * 4_000, "[" * 4_000])
def test_a_deeply_nested_token_is_refused(text: str) -> None:
    """How deep is too deep depends on the Python."""
    for bad in (token(EC, text), token(EC, header=text)):
        with pytest.raises(RefusedTokenError):
            checked(bad)


def test_a_wrong_issuer_or_audience_is_told_to_the_log_once_the_signature_is_right() -> None:
    """Printable and short: it says what to set."""
    with pytest.raises(RefusedTokenError) as refused:
        checked(token(EC, claims(iss="https://evil\n" + "é" * 500)))
    assert refused.value.found.startswith("'https://evil\\n\\xe9")
    assert len(refused.value.found) <= 200
    with pytest.raises(RefusedTokenError) as refused:
        checked(token(MALLORY_EC, claims(iss="https://evil")))
    assert (refused.value.reason, refused.value.found) == (Refusal.SIGNATURE, "")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_an_algorithm_that_is_not_listed_is_refused(algorithm: str) -> None:
    """Even if the provider has a key for it."""
    rules = type(RULES)(ISSUER, AUDIENCE, frozenset({"RS256", "ES256"}) - {algorithm}, 0, RULES.scopes)
    with pytest.raises(RefusedTokenError) as refused:
        check_token(token(RSA if algorithm == "RS256" else EC), KEYS, rules, NOW)
    assert refused.value.reason is Refusal.ALGORITHM


GOOD = token(EC)


@settings(max_examples=examples(300))
@given(at=st.integers(0, len(GOOD) - 1), letter=st.characters(codec="utf-8") | st.sampled_from("AEQaw.-_=+/ \n\0"))
def test_a_token_with_one_letter_changed_is_refused(at: int, letter: str) -> None:
    """A signature holds for one text alone, to the last bit of its base64."""
    changed = GOOD[:at] + letter + GOOD[at + 1 :]
    if changed == GOOD:
        return
    with pytest.raises(RefusedTokenError):
        checked(changed)


@settings(max_examples=examples(200))
@given(cut=st.tuples(st.integers(0, len(GOOD)), st.integers(0, len(GOOD))), more=st.text(max_size=20))
def test_a_token_with_a_piece_replaced_is_refused(cut: tuple[int, int], more: str) -> None:
    """Whatever is cut out or put in."""
    first, last = sorted(cut)
    changed = GOOD[:first] + more + GOOD[last:]
    if changed == GOOD:
        return
    with pytest.raises(RefusedTokenError):
        checked(changed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "groups", "customer_id", "jti"])


@settings(max_examples=examples(300))
@given(more=st.dictionaries(names, json_values, max_size=4))
def test_signed_claims_of_any_kind_are_read_or_refused(more: dict[str, object]) -> None:
    """A provider that writes nonsense causes no other error, and nobody becomes an owner by it."""
    text = token(EC, {**claims(), **more})
    if len(text) > MAX_TOKEN_BYTES:
        return
    try:
        who = checked(text).principal
    except RefusedTokenError:
        return
    assert Scope.ADMIN not in who.scopes


@settings(max_examples=examples(300))
@given(header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "zip"]), json_values))
def test_headers_of_any_kind_are_read_or_refused(header: dict[str, object]) -> None:
    """By an attacker: nothing that they write lets them in."""
    with pytest.raises(RefusedTokenError):
        checked(token(MALLORY_EC, header=header))


@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda some: part(some)))
def test_any_text_is_refused(text: str) -> None:
    """With no other error than that it is refused."""
    with pytest.raises(RefusedTokenError):
        checked(text)


@pytest.mark.parametrize(
    ("text", "looks"),
    [pytest.param(GOOD, True, id="good"),
     ("..", True), ("a.b", False), ("a.b.c.d.e", False), ("qb_0123456789", False), ("a. b.c", False),
     ("é.b.c", False)],
)  # fmt: skip
def test_only_what_looks_like_a_token_is_read_as_one(text: str, looks: bool) -> None:
    """Other bearer credentials are for others to know."""
    assert looks_like_token(text) is looks
