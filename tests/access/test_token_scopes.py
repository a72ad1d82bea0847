"""Claims become scopes by the deployment's list; what is not listed gives none."""

from typing import Any

import pytest

from billing.access.principal import Principal, Scope
from billing.access.token_scopes import TokenScopes, parse_scopes
from billing.access.token_source import parse_source

READ, METRICS, ADMIN = Scope.READ, Scope.METRICS, Scope.ADMIN
LISTED = {
    "billing-team": ("read",),
    "sre": ("metrics", "read"),
    "Bob & Co": ("customer:Bob & Co",),
    "b:all": ("admin",),
}
KEYCLOAK = {
    "sub": "f:1",
    "scope": "openid profile email b:all",
    "realm_access": {"roles": ["offline_access", "billing-team"]},
    "resource_access": {"billing.api": {"roles": ["sre"]}},
}


@pytest.mark.parametrize(
    ("claim", "claims", "scopes", "customers"),
    [
        ("scope", KEYCLOAK, {ADMIN}, set()),
        ("realm_access.roles", KEYCLOAK, {READ}, set()),
        ("resource_access.billing.api.roles", KEYCLOAK, {READ, METRICS}, set()),
        ("resource_access.account.roles", KEYCLOAK, set(), set()),
        ("scope.roles", KEYCLOAK, set(), set()),
        ("https://acme.example/roles", {"https://acme.example/roles": ["sre"]}, {READ, METRICS}, set()),
        ("groups", {"groups": ["Bob & Co", "Bob", "billing-team "]}, set(), {"Bob & Co"}),
        ("groups", {"groups": "billing-team sre"}, {READ, METRICS}, set()),
        ("groups", {"groups": ["billing-team sre"]}, set(), set()),
        ("groups", {"groups": [["billing-team"], {"sre": 1}, None, 1, "admin", "read", "customer:Bob"]}, set(), set()),
        ("groups", {"groups": {"billing-team": True}}, set(), set()),
        ("groups", {"groups": None}, set(), set()),
        ("groups", {"groups": True}, set(), set()),
        ("groups", {}, set(), set()),
    ],
)
def test_listed_values_give_scopes(claim: str, claims: dict[str, Any], scopes: set[Scope], customers: set[str]) -> None:
    """Our own names of scopes are no exception: a provider may have a group `admin` of quite another purpose."""
    who = TokenScopes(claim, LISTED).principal(claims)
    assert who == Principal(who.name, frozenset(scopes), frozenset(customers))


@pytest.mark.parametrize(
    ("value", "customers"),
    [
        ("Charlie", {"Charlie"}),
        ("Bob & Co", {"Bob & Co"}),
        (4711, {"4711"}),
        (["Charlie", 5, "", None, True, {"a": 1}], {"Charlie", "5"}),
        ("customer:Bob", {"customer:Bob"}),
        ("*", {"*"}),
        ("", set()),
        (True, set()),
        (1.5, set()),
        (None, set()),
        ({"name": "Bob"}, set()),
        ([], set()),
    ],
)
def test_a_claim_names_the_customer(value: object, customers: set[str]) -> None:
    """Word for word: it is no pattern and gives no other scope."""
    who = TokenScopes(customer_claim="app.customer_id").principal({"app": {"customer_id": value}, "scope": "admin"})
    assert who == Principal("token", frozenset(), frozenset(customers))


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "u1", "client_id": "c"}, "u1"),
        ({"client_id": "grafana"}, "grafana"),
        ({"azp": "grafana", "sub": ""}, "grafana"),
        ({"sub": ["u1"]}, "token"),
        ({"sub": "a\nb\x1b[31m\ud800"}, "a?b?[31m?"),
        ({"sub": "x" * 500}, "x" * 100),
    ],
)
def test_logs_have_a_name_for_them(claims: dict[str, Any], name: str) -> None:
    """On one line, and short."""
    assert TokenScopes().principal(claims) == Principal(name)


@pytest.mark.parametrize(
    ("value", "scopes"),
    [
        ("read", ("read",)),
        ("read  metrics", ("read", "metrics")),
        (["read", "customer:Bob & Co"], ("read", "customer:Bob & Co")),
    ],
)
def test_scopes_of_a_value_are_a_text_or_a_list(value: object, scopes: tuple[str, ...]) -> None:
    """As `token_scopes` has them."""
    assert parse_scopes(value) == scopes


@pytest.mark.parametrize("value", ["", "  ", [], "reed", "customer:", ["read", 1], None, 5, {"read": True}, ["a b"]])
def test_what_is_no_scope_is_refused(value: object) -> None:
    """A mistake in the list gives nobody anything: the part does not start."""
    with pytest.raises(ValueError, match="scope"):
        parse_scopes(value)


@pytest.mark.parametrize(
    "text",
    [
        "https://login.example.com/realms/acme/protocol/openid-connect/certs",
        "https://login.example.com:8443/keys?kid=1",
        "https://[2001:db8::1]/keys",
        "https://login.example.com",
        "http://localhost:5556/dex/keys",
        "http://127.0.0.1/keys",
        "http://[::1]:80/keys",
    ],
)
def test_an_address_is_https_or_this_machine(text: str) -> None:
    """It is kept as it is."""
    assert parse_source(text) == text


@pytest.mark.parametrize("text", ["jwks.json", "/etc/qb/jwks.json", "./keys", "C.json"])
def test_all_else_is_a_file(text: str) -> None:
    """A relative one too."""
    assert str(parse_source(text)) == text.removeprefix("./")


@pytest.mark.parametrize(
    "text",
    [
        "http://login.example.com/keys",
        "http://localhost.evil.example/keys",
        "http://127.0.0.1.evil.example/keys",
        "http://localhost@evil.example/keys",
        "http://localhost\\@evil.example/keys",
        "http://localhost:80:80/keys",
        "https://user:pass@login.example.com/keys",
        "https://evil.example\\.login.example.com/keys",
        "https://login.example.com/a b",
        "https://login.example.com/\n",
        "https:///keys",
        "file:///etc/passwd",
        "ftp://login.example.com/keys",
        "HTTP://login.example.com/keys",
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    """Whoever stands in between could send keys of their own."""
    with pytest.raises(ValueError, match=r"https://|without user name"):
        parse_source(text)
