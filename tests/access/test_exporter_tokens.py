"""A running exporter takes the tokens of a running provider: each sees what their claims give, and no token is told."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from broker.ports import free_port
from tests.access.key_server import KeyServer, body, key_server
from tests.access.provider import AUDIENCE, ISSUER, claims, ec_signer, jwks, rsa_signer, token
from tests.access.test_token_attacks import by_hmac, pem
from tests.exporter.client import Answer, Client
from tests.forking import start_process
from tests.pipeline import wait_until

EC, RSA = ec_signer(), rsa_signer()
PATHS = ("/customers", "/customers/Charlie", "/customers/Bob", "/metrics", "/healthz")


def shown(text: str) -> dict[str, str]:
    """The header with a token."""
    return {"Authorization": f"Bearer {text}"}


def mine(signer: object = EC, **more: object) -> str:
    """A token that holds now."""
    return token(signer, claims(time.time(), **more))  # type: ignore[arg-type]


@contextmanager
def exporter(folder: Path, settings: Mapping[str, object]) -> Iterator[tuple[Client, Path]]:
    """An exporter with made-up data, and the file of its log."""
    port, log = free_port(), folder / "log"
    (folder / "settings.yaml").write_text(yaml.safe_dump(dict(settings)))
    command = ["export", "--standalone", "--exporter-host", "127.0.0.1", "--exporter-port", str(port)]
    with log.open("wb") as output:
        process = start_process(
            "qb",
            *command,
            "--config",
            str(folder / "settings.yaml"),
            environment=dict(os.environ),
            stdout=output,
            stderr=output,
        )
    client = Client(port)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return client.get("/readyz").status == 200
        except OSError:
            return False

    try:
        wait_until(is_ready, what="the exporter is ready")
        yield client, log
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def provider() -> Iterator[KeyServer]:
    with key_server() as server:
        server.says(body(jwks(EC)))
        yield server


@pytest.fixture(scope="module")
def served(provider: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    settings = {
        "token_jwks": provider.address,
        "token_issuer": ISSUER,
        "token_audience": AUDIENCE,
        "token_scopes_claim": "realm_access.roles",
        "token_scopes": {"billing-team": "read", "sre": "metrics", "owners": "admin"},
        "token_customer_claim": "customer_id",
    }
    with exporter(tmp_path_factory.mktemp("tokens"), settings) as running:
        yield running


def statuses(client: Client, text: str) -> list[int]:
    """What each path answers to somebody with this token."""
    return [client.request("GET", path, headers=shown(text)).status for path in PATHS]


def test_everybody_sees_what_their_claims_give(served: tuple[Client, Path]) -> None:
    """A token that gives nothing is somebody, who may see nothing."""
    client, _ = served
    assert statuses(client, mine(realm_access={"roles": ["owners"]})) == [200, 200, 200, 200, 200]
    assert statuses(client, mine(realm_access={"roles": ["billing-team"]})) == [200, 200, 200, 403, 200]
    assert statuses(client, mine(realm_access={"roles": ["sre"]})) == [403, 403, 403, 200, 200]
    assert statuses(client, mine(customer_id="Charlie")) == [403, 200, 403, 403, 200]
    assert statuses(client, mine(scope="admin read", groups=["owners"])) == [403, 403, 403, 403, 200]
    assert statuses(client, mine(realm_access={"roles": ["admin", "read"]})) == [403, 403, 403, 403, 200]


def test_other_tokens_are_nobodys(served: tuple[Client, Path], provider: KeyServer) -> None:
    """All of them get the same answer, which repeats nothing and says how to be let in; the log has no token either."""
    client, log = served
    now = time.time()
    owner = {"realm_access": {"roles": ["owners"]}, "jti": "canary"}
    bad = [
        mine(exp=now - 60, **owner),
        mine(nbf=now + 3_600, **owner),
        mine(iss="https://evil.example", **owner),
        mine(aud="other", **owner),
        mine(exp=None, **owner),
        token(EC, claims(now, **owner), {"alg": "none"}),
        token(EC, claims(now, **owner), {"crit": ["canary"]}),
        token(EC, claims(now, **owner), {"alg": "HS256"}, by_hmac(pem(EC))),
        token(EC, claims(now, **owner), sign=lambda _: bytes(64)),
        *[token(RSA, claims(now, **owner), {"kid": f"canary-{number}"}) for number in range(20)],
        "a.b.c",
        "..",
    ]
    answers = [client.request("GET", "/customers", headers=shown(text)) for text in bad]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert all(answer.headers["WWW-Authenticate"].startswith("Bearer") for answer in answers)
    assert len(provider.paths) <= 10
    metrics = client.request("GET", "/metrics", headers=shown(mine(realm_access={"roles": ["sre"]}))).text
    assert 'billing_tokens_refused_total{reason="algorithm"} 2.0' in metrics
    assert "billing_token_keys 1.0" in metrics
    told = metrics + log.read_text() + answers[0].text
    assert "canary" not in told
    assert not [text for text in bad if len(text) > 9 and any(part in told for part in text.split(".") if part)]


@pytest.mark.slow("keys that change, as the exporter's process takes them")
def test_a_rotated_key_is_taken(served: tuple[Client, Path], provider: KeyServer) -> None:
    """Without a restart, and the one before is not taken any more."""
    client, _ = served
    old, new = mine(customer_id="Charlie"), mine(RSA, customer_id="Charlie")

    def asked(text: str) -> Answer:
        return client.request("GET", "/customers/Charlie", headers=shown(text))

    assert asked(old).status == 200
    provider.says(body(jwks(RSA)))
    wait_until(lambda: asked(new).status == 200, what="the new key is known")
    assert asked(old).status == 401
    provider.says(body("", 500))
    assert asked(new).status == 200
