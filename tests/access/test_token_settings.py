"""What is missing or wrong in the settings of tokens stops the start, with the name of the setting."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from billing.access.token_rules import TokenRules
from billing.access.token_scopes import TokenScopes
from billing.access.token_text import Refusal
from billing.errors import OperatorError
from billing.runtime.access.token_access import make_token_access
from billing.settings import Settings, SettingsError, load_settings
from qb.cli import main
from tests.access.provider import ec_signer, jwks
from tests.promql import documented_metrics

WHOLE: dict[str, object] = {
    "token_jwks": "https://login.example.com/keys",
    "token_issuer": "https://login.example.com",
    "token_audience": "billing",
    "token_scopes": {"billing-team": "read metrics"},
}


def loaded(**more: object) -> Settings:
    """The settings; one that is None is left out."""
    given = {name: value for name, value in {**WHOLE, **more}.items() if value is not None}
    return load_settings(given, {})


def test_the_rules_are_those_of_the_settings() -> None:
    """By default RSA and elliptic curves, half a minute, and the claim that OAuth has for scopes."""
    scopes = TokenScopes("scope", {"billing-team": ("read", "metrics")}, "")
    expected = TokenRules("https://login.example.com", "billing", frozenset({"RS256", "ES256"}), 30, scopes)
    assert loaded().token_rules == expected


def test_the_environment_gives_the_same() -> None:
    """Maps are YAML there, lists have commas."""
    settings = load_settings(
        {},
        {
            "QB_TOKEN_JWKS": "/etc/jwks.json",
            "QB_TOKEN_ISSUER": "i",
            "QB_TOKEN_AUDIENCE": "a",
            "QB_TOKEN_SCOPES": "{billing-team: read, 'Bob & Co': ['customer:Bob & Co']}",
            "QB_TOKEN_SCOPES_CLAIM": "realm_access.roles",
            "QB_TOKEN_CUSTOMER_CLAIM": "customer_id",
            "QB_TOKEN_ALGORITHMS": "ES256, EdDSA",
            "QB_TOKEN_LEEWAY_SECONDS": "0",
        },
    )
    listed = {"billing-team": ("read",), "Bob & Co": ("customer:Bob & Co",)}
    scopes = TokenScopes("realm_access.roles", listed, "customer_id")
    assert settings.token_rules == TokenRules("i", "a", frozenset({"ES256", "EdDSA"}), 0, scopes)


@pytest.mark.parametrize("name", ["token_jwks", "token_issuer", "token_audience", "token_scopes"])
@pytest.mark.parametrize("empty", [None, ""])
def test_what_is_missing_beside_the_others_is_named(name: str, empty: object) -> None:
    """In one line that also names what it is missing beside."""
    with pytest.raises(SettingsError) as refused:
        loaded(**{name: empty})
    beside = "token_issuer" if name == "token_jwks" else "token_jwks"
    missing = "token_scopes or token_customer_claim" if name == "token_scopes" else name
    assert str(refused.value) == f"{beside} is set, and beside it {missing} must be, for tokens to be taken"


@pytest.mark.parametrize("name", ["token_scopes", "token_customer_claim", "token_ca_file"])
def test_a_mapping_alone_is_not_enough(name: str) -> None:
    """A misspelt setting would leave everything open."""
    with pytest.raises(SettingsError, match="token_jwks, token_issuer, token_audience"):
        load_settings({name: {"a": "read"} if name == "token_scopes" else "a"}, {})


def test_a_claim_with_the_customer_is_enough() -> None:
    """Then nobody has another scope."""
    assert loaded(token_scopes=None, token_customer_claim="customer_id").token_rules.scopes.scopes == {}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("token_jwks", "http://login.example.com/keys", "https://"),
        ("token_jwks", "https://me:canary@login.example.com/keys", "without user name"),
        ("token_algorithms", "none", "the algorithms are RS256, ES256, PS256, EdDSA"),
        ("token_algorithms", "RS256,HS256", "the algorithms are RS256, ES256, PS256, EdDSA"),
        ("token_algorithms", "", "the algorithms are RS256, ES256, PS256, EdDSA"),
        ("token_algorithms", "rs256", "the algorithms are RS256, ES256, PS256, EdDSA"),
        ("token_scopes", {"billing-team": "reed"}, "billing-team: 'reed' is no scope; allowed are admin"),
        ("token_scopes", {"billing-team": ""}, "billing-team: no scope is given"),
        ("token_scopes", {"billing-team": {"read": 1}}, "billing-team: expected scopes"),
        ("token_scopes", {4711: "read"}, "4711 is no text: put it into quotes"),
        ("token_scopes", {"": "read"}, "is no text"),
        ("token_scopes", ["read"], "expected a map"),
        ("token_scopes", "read", "expected a map"),
        ("token_scopes", "{a: [}", "not a YAML map"),
        ("token_scopes_claim", "", "at least 1"),
        ("token_leeway_seconds", -1, "greater than or equal to 0"),
        ("token_leeway_seconds", 601, "less than or equal to 600"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: object, why: str) -> None:
    """With the setting, what it is and what is allowed; never a password."""
    with pytest.raises(SettingsError) as refused:
        loaded(**{name: value})
    assert str(refused.value).startswith(f"{name} = ")
    assert why in str(refused.value)
    assert "canary" not in str(refused.value)


def made(**more: Any) -> object:
    return make_token_access(loaded(**more), CollectorRegistry())


def test_without_keys_no_tokens_are_taken() -> None:
    """Nothing is counted then either."""
    registry = CollectorRegistry()
    assert make_token_access(Settings(), registry) is None
    assert not list(registry.collect())


def test_all_metrics_are_documented() -> None:
    """With their types; no token has come yet, and no key was read."""
    registry = CollectorRegistry()
    assert make_token_access(loaded(token_jwks="http://127.0.0.1:9/keys"), registry)
    names = {(f"{one.name}_total" if one.type == "counter" else one.name): one.type for one in registry.collect()}
    documented = documented_metrics()
    assert names == {name: one.kind for name, one in documented.items() if name.startswith("billing_token")}
    assert {sample.value for one in registry.collect() for sample in one.samples if "_created" not in sample.name} == {
        0
    }


def test_every_reason_is_documented() -> None:
    """In the order in which a token is looked at, more or less."""
    page = (Path(__file__).parents[2] / "docs" / "access.md").read_text("utf-8")
    assert re.findall(
        r"^\| `(\w+)` \| ", page.partition("| reason | what is wrong")[2].partition("\n## ")[0], re.MULTILINE
    ) == [*Refusal]


def test_an_address_is_not_waited_for() -> None:
    """The provider may start later, or be away."""
    assert made(token_jwks="http://127.0.0.1:9/keys")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        ("", "not a JSON object"),
        ('{"keys": []}', "no public key that can verify a token"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_file_without_keys_stops_the_start(tmp_path: Path, content: str | None, why: str) -> None:
    """One sentence: which, why, and what to do."""
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content, "utf-8", "surrogateescape")
    with pytest.raises(OperatorError) as refused:
        made(token_jwks=str(path))
    assert str(refused.value).startswith(f"token_jwks {path}: {why}")
    assert str(refused.value).endswith("; name a file of the identity provider's keys (JWKS), or their address")


@pytest.mark.parametrize(("content", "code"), [(None, 2), ("{}", 2), pytest.param(jwks(ec_signer()), 0, id="keys")])
def test_check_config_reads_the_file(
    tmp_path: Path, content: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would stop the start is told before it."""
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)
    given = {**WHOLE, "token_jwks": str(path)}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(given))
    assert main(["process", "--check-config", "--config", str(tmp_path / "settings.yaml")]) == code
    assert (f"token_jwks {path}: " in capsys.readouterr().err) == (code == 2)


def test_a_file_with_keys(tmp_path: Path) -> None:
    """Is read at the start."""
    (tmp_path / "jwks.json").write_text(jwks(ec_signer()))
    assert made(token_jwks=str(tmp_path / "jwks.json"))


@pytest.mark.parametrize(("content", "why"), [(None, "No such file or directory"), ("x", "it holds no certificate")])
def test_a_file_without_authorities_stops_the_start(tmp_path: Path, content: str | None, why: str) -> None:
    """Rather than trusting those of the system."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(OperatorError) as refused:
        made(token_ca_file=str(path))
    assert str(refused.value) == f"token_ca_file {path}: {why}; name a file of certificates in PEM"
