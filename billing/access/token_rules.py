"""Which signed tokens are taken, and of whom they speak: pure, with the time as an argument."""

import math
from dataclasses import dataclass

from billing.access.principal import Principal
from billing.access.token_scopes import TokenScopes
from billing.access.token_text import Claims, Refusal, RefusedTokenError

# Beyond this a whole number is no time, and an integer may be too large to be a float.
_LATEST_SECONDS = 2**53
_MAX_FOUND = 200


@dataclass(frozen=True)
class TokenRules:
    """What a deployment takes.

    Args:
        issuer: `iss` must be this, letter by letter.
        audience: `aud` must be this, or have it in its list.
        algorithms: by which a token may be signed.
        leeway_seconds: by how much the provider's clock may differ from this one.
        scopes: how claims become scopes.
    """

    issuer: str
    audience: str
    algorithms: frozenset[str]
    leeway_seconds: float
    scopes: TokenScopes


@dataclass(frozen=True)
class Admitted:
    """Somebody with a token that is taken.

    Args:
        principal: who.
        until_seconds: from when on it is not taken any more, in seconds since 1970.
    """

    principal: Principal
    until_seconds: float


def admit(claims: Claims, rules: TokenRules, now_seconds: float) -> Admitted:
    """Return who has claims whose signature is verified.

    Args:
        claims: of the token.
        rules: what they must keep to.
        now_seconds: since 1970.

    Raises:
        RefusedTokenError: they don't.
    """
    if claims.get("iss") != rules.issuer:
        raise RefusedTokenError(Refusal.ISSUER, _shown(claims.get("iss")))
    if rules.audience not in _audiences(claims):
        raise RefusedTokenError(Refusal.AUDIENCE, _shown(claims.get("aud")))
    until = _time(claims, "exp")
    if until is None or until + rules.leeway_seconds <= now_seconds:
        raise RefusedTokenError(Refusal.EXPIRED)
    for claim in ("nbf", "iat"):
        since = _time(claims, claim)
        if since is not None and since - rules.leeway_seconds > now_seconds:
            raise RefusedTokenError(Refusal.NOT_YET)
    return Admitted(rules.scopes.principal(claims), until + rules.leeway_seconds)


def _audiences(claims: Claims) -> list[str]:
    found = claims.get("aud")
    if isinstance(found, str):
        return [found]
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return found
    raise RefusedTokenError(Refusal.AUDIENCE if found is None else Refusal.CLAIMS)


def _time(claims: Claims, name: str) -> float | None:
    """Return a time in seconds since 1970; None if the token names none."""
    found = claims.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise RefusedTokenError(Refusal.CLAIMS)
    if not (abs(found) <= _LATEST_SECONDS and math.isfinite(found)):
        raise RefusedTokenError(Refusal.CLAIMS)
    return float(found)


def _shown(value: object) -> str:
    """Return a claim for the log, printable and short."""
    return ascii(value)[:_MAX_FOUND]
