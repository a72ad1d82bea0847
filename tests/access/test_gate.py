"""Who asks is found out by the kinds of credentials that are on, in turn; without any, anybody may."""

import asyncio
from dataclasses import dataclass

import pytest

from billing.access.principal import ANYBODY, Principal, Scope
from billing.runtime.access.gate import Gate, NotAuthenticatedError


@dataclass
class Known:
    """Knows one secret of one scheme."""

    scheme: str
    secret: str
    is_on: bool = True

    @property
    def challenge(self) -> str:
        return self.scheme.title()

    async def authenticate(self, scheme: str, credentials: str, address: str) -> Principal | None:
        return Principal(self.secret) if (scheme, credentials) == (self.scheme, self.secret) else None


BASIC, BEARER, OFF = Known("basic", "a"), Known("bearer", "b"), Known("bearer", "c", is_on=False)


@pytest.mark.parametrize(
    ("authorization", "name"),
    [("Basic a", "a"), ("basic  a", "a"), ("BEARER b", "b")],
)
def test_any_kind_that_is_on_lets_in(authorization: str, name: str) -> None:
    """A scheme is written in any case, as RFC 9110 has it."""
    assert asyncio.run(Gate([BASIC, OFF, BEARER]).principal(authorization)).name == name


@pytest.mark.parametrize("authorization", [None, "", "a", "Basic", "Basic b", "Bearer a", "Bearer c", "Digest a"])
def test_what_is_not_known_is_told_every_kind_that_is_taken(authorization: str | None) -> None:
    """Not those that are off, and each way of asking once: keys and tokens are shown alike."""
    with pytest.raises(NotAuthenticatedError) as refused:
        asyncio.run(Gate([BASIC, OFF, BEARER, Known("bearer", "d")]).principal(authorization))
    assert refused.value.challenges == ("Basic", "Bearer")


def test_with_no_kind_on_anybody_may_do_all() -> None:
    """As on localhost, where nothing is set."""
    assert asyncio.run(Gate([OFF]).principal(None)) is ANYBODY
    assert not Gate([OFF]).is_on
    assert ANYBODY.may_read_all
    assert ANYBODY.may_read_metrics


@pytest.mark.parametrize(
    ("scopes", "reads_all", "reads_metrics", "reads_bob"),
    [
        (["admin"], True, True, True),
        (["read"], True, False, True),
        (["metrics"], False, True, False),
        (["customer:Bob"], False, False, True),
        (["customer:Bob", "metrics"], False, True, True),
        (["customer:bob"], False, False, False),
        (["customer:customer:Bob"], False, False, False),
        ([], False, False, False),
    ],
)
def test_a_scope_allows_what_it_says(scopes: list[str], reads_all: bool, reads_metrics: bool, reads_bob: bool) -> None:
    """And a customer's name is taken as it is written."""
    who = Principal.of("key", scopes)
    assert (who.may_read_all, who.may_read_metrics, who.may_read("Bob")) == (reads_all, reads_metrics, reads_bob)


@pytest.mark.parametrize("scope", ["", "Admin", "write", "customer:", "customer", "read "])
def test_another_scope_is_refused(scope: str) -> None:
    """A misspelt one would otherwise let nobody in, or everybody."""
    with pytest.raises(ValueError, match="is no scope; allowed are admin, read, metrics, customer:NAME"):
        Principal.of("key", [Scope.READ, scope])
