"""The settings that begin with `token_`: what they may be, and which of them need which."""

from collections.abc import Mapping

import yaml

from billing.access.token_scopes import parse_scopes

ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
_ALWAYS = ("token_jwks", "token_issuer", "token_audience")
_ONE_OF = ("token_scopes", "token_customer_claim")
_EXAMPLE = "for example {billing-team: read}"


def parse_token_scopes(value: object) -> dict[str, tuple[str, ...]]:
    """Read the list of values and their scopes: a map, or a YAML text of one.

    Raises:
        ValueError: it is no such map, or names what is no scope.
    """
    if isinstance(value, str):
        try:
            value = yaml.safe_load(value) or {}
        except yaml.YAMLError:
            raise ValueError(f"not a YAML map; {_EXAMPLE}") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a map of the claim's values to scopes; {_EXAMPLE}")
    return {_name(name): _scopes(name, scopes) for name, scopes in value.items()}


def check_algorithms(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the algorithms.

    Raises:
        ValueError: there is none, or one that is not taken here.
    """
    if not names or not set(names) <= set(ALGORITHMS):
        raise ValueError(
            f"the algorithms are {', '.join(ALGORITHMS)}: those without a signature, or with a secret that both sides "
            "know, are never taken"
        )
    return names


def check_together(given: Mapping[str, object]) -> None:
    """Check that nothing is missing beside what is given.

    Args:
        given: settings by name; what is empty is not given.

    Raises:
        ValueError: something is; the message names it.
    """
    named = [name for name in (*_ALWAYS, *_ONE_OF, "token_ca_file") if given[name]]
    missing = [name for name in _ALWAYS if not given[name]]
    if not named:
        return
    if not any(given[name] for name in _ONE_OF):
        missing.append(" or ".join(_ONE_OF))
    if missing:
        raise ValueError(f"{named[0]} is set, and beside it {', '.join(missing)} must be, for tokens to be taken")


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the value {name!r} is no text: put it into quotes")
    return name


def _scopes(name: str, scopes: object) -> tuple[str, ...]:
    try:
        return parse_scopes(scopes)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
