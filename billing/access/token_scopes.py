"""Which scopes a token has here: what its claims say, by the deployment's own list. What is not listed gives none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from billing.access.principal import CUSTOMER_PREFIX, Principal

_MAX_NAME = 100


@dataclass(frozen=True)
class TokenScopes:
    """How claims become scopes.

    Args:
        claim: where the values stand: a claim's name, or a path with dots such as `realm_access.roles`.
        scopes: the scopes of each value.
        customer_claim: the claim that names the customer, or several, whose numbers may be seen; empty: none.
    """

    claim: str = "scope"
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    customer_claim: str = ""

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Return who has signed claims; without scopes if none of their values is listed."""
        values = _values(_find(claims, self.claim))
        scopes = [scope for value in values for scope in self.scopes.get(value, ())]
        if self.customer_claim:
            scopes += [CUSTOMER_PREFIX + name for name in _names(_find(claims, self.customer_claim))]
        return Principal.of(_name(claims), scopes)


def parse_scopes(value: object) -> tuple[str, ...]:
    """Read the scopes of one value: `read metrics`, or a list of them.

    Raises:
        ValueError: one is no scope, or there is none.
    """
    scopes = value.split(" ") if isinstance(value, str) else value
    # A customer's name may have spaces: such scopes stand in a list.
    if not isinstance(scopes, list | tuple) or not all(isinstance(one, str) for one in scopes):
        raise ValueError("expected scopes, separated by spaces or in a list")
    given = tuple(one for one in scopes if one)
    if not given:
        raise ValueError("no scope is given")
    Principal.of("", given)
    return given


def _find(claims: object, path: str) -> object:
    """Return what stands at a path. A name may hold dots itself, as in `https://example.com/roles`: it comes first."""
    if not isinstance(claims, Mapping):
        return None
    if path in claims:
        return claims[path]
    for at, letter in enumerate(path):
        if letter == "." and path[:at] in claims:
            found = _find(claims[path[:at]], path[at + 1 :])
            if found is not None:
                return found
    return None


def _values(found: object) -> list[str]:
    """Return the values of a scopes claim: separated by spaces as OAuth has them, or a list."""
    if isinstance(found, str):
        return found.split(" ")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _names(found: object) -> list[str]:
    """Return the customers that a claim names; a number stands for its digits."""
    each = found if isinstance(found, list) else [found]
    return [str(one) for one in each if one != "" and isinstance(one, str | int) and not isinstance(one, bool)]


def _name(claims: Mapping[str, Any]) -> str:
    """Return what logs call them; a program's token may have no subject."""
    for claim in ("sub", "client_id", "azp"):
        name = claims.get(claim)
        if isinstance(name, str) and name:
            return "".join(letter if letter.isprintable() else "?" for letter in name[:_MAX_NAME])
    return "token"
