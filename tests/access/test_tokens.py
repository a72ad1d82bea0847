"""Whoever has a token of the provider is known while it lasts, also after the provider has changed its keys."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from billing.access.key_times import KeyTimes
from billing.access.principal import Principal
from billing.runtime.access.key_source import AddressSource
from billing.runtime.access.provider_keys import ProviderKeys
from billing.runtime.access.tokens import TokenAuthenticator
from tests.access.key_server import KeyServer, body, key_server
from tests.access.provider import ISSUER, NOW, RULES, claims, ec_signer, jwks, rsa_signer, token

RSA, EC = rsa_signer(), ec_signer()


@dataclass
class Clock:
    """Goes on when told to."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """A provider, and a part that takes its tokens."""

    server: KeyServer
    clock: Clock = field(default_factory=Clock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        source = AddressSource(self.server.address, ssl.create_default_context(), 1.0)
        self.keys = ProviderKeys(source, KeyTimes(300, 15, 7_200), self.registry, self.clock)
        self._authenticator = TokenAuthenticator(RULES, self.keys, self.registry, self.clock)

    async def who(self, credentials: str, scheme: str = "bearer") -> Principal | None:
        return await self._authenticator.authenticate(scheme, credentials, "192.0.2.1")

    def refused(self, reason: str) -> float | None:
        return self.registry.get_sample_value("billing_tokens_refused_total", {"reason": reason})


@pytest.fixture
def world() -> Iterator[World]:
    with key_server() as server:
        yield World(server)


def test_the_keys_are_read_with_the_first_token_and_no_more(world: World) -> None:
    """Each further token is verified by what is in memory."""
    world.server.says(body(jwks(EC)))

    async def run() -> None:
        everyone = await asyncio.gather(*[world.who(token(EC, claims(sub=f"u-{number}"))) for number in range(50)])
        assert [one.name for one in everyone if one] == [f"u-{number}" for number in range(50)]

    asyncio.run(run())
    assert world.server.paths == ["/keys"]


def test_a_new_key_is_known_at_once_and_a_withdrawn_one_is_not_any_more(world: World) -> None:
    """Also for tokens that were verified before: they are forgotten with the keys."""
    world.server.says(body(jwks(EC)))
    old, new = token(EC), token(RSA)

    async def run() -> None:
        assert await world.who(old)
        world.server.says(body(jwks(RSA)))
        world.clock.now += 15
        assert await world.who(new)
        assert await world.who(old) is None

    asyncio.run(run())
    assert world.refused("unknown_key") == 1


def test_made_up_keys_cause_no_storm(world: World) -> None:
    """A thousand of them, at the same time and one after another."""
    world.server.says(body(jwks(EC)))

    async def run() -> None:
        assert await world.who(token(EC))
        world.clock.now += 15
        made_up = [token(EC, header={"kid": f"k-{number}"}) for number in range(1_000)]
        assert not any(await asyncio.gather(*map(world.who, made_up)))
        assert not any([await world.who(one) for one in made_up])
        assert await world.who(token(EC))

    asyncio.run(run())
    assert len(world.server.paths) == 2


def test_a_provider_that_hangs_holds_up_nobody_whose_key_is_known(world: World) -> None:
    """Only who shows an unknown one waits, for as long as a try takes."""
    world.server.says(body(jwks(EC)))

    async def run() -> None:
        assert await world.who(token(EC))
        world.server.says(world.server.hang)
        world.clock.now += 15
        waiting = asyncio.create_task(world.who(token(RSA)))
        await asyncio.to_thread(world.server.wait_until_asked, 2)
        assert await world.who(token(EC, claims(sub="another")))
        assert not waiting.done()
        assert await waiting is None

    asyncio.run(asyncio.wait_for(run(), 60))


def test_who_goes_away_takes_nothing_with_them(world: World) -> None:
    """The others get the keys that the first one has asked for."""

    async def run() -> None:
        world.server.says(world.server.hang)
        first = asyncio.create_task(world.who(token(EC)))
        second = asyncio.create_task(world.who(token(EC)))
        await asyncio.to_thread(world.server.wait_until_asked, 1)
        first.cancel()
        world.server.says(body(jwks(EC)))
        assert await second is None
        world.clock.now += 15
        assert await world.who(token(EC))

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_token_is_remembered_until_it_ends(world: World) -> None:
    """To the second, leeway included."""
    world.server.says(body(jwks(EC)))
    good = token(EC, claims(exp=NOW + 100))

    async def run() -> None:
        assert await world.who(good)
        world.clock.now = NOW + 129.9
        assert await world.who(good)
        world.clock.now = NOW + 130
        assert await world.who(good) is None

    asyncio.run(run())
    assert world.refused("expired") == 1


def test_other_credentials_are_left_to_others(world: World) -> None:
    """They are no refused tokens, and cause no reading of keys."""

    async def run() -> None:
        assert await world.who(token(EC), "basic") is None
        assert await world.who("qb_0123456789") is None
        assert await world.who("a.b") is None

    asyncio.run(run())
    assert world.server.paths == []
    assert sum(world.refused(reason) or 0 for reason in ("malformed", "no_keys", "unknown_key")) == 0


def test_nothing_of_a_token_is_in_metrics_and_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what was found instead of the issuer that is wanted, and that once a minute."""
    world.server.says(body(jwks(EC)))
    bad = [token(EC, claims(iss="https://other.example", jti="canary")), token(EC, claims(), {"kid": "canary"})]

    async def run() -> None:
        for one in [*bad, *bad, *bad]:
            assert await world.who(one) is None

    asyncio.run(run())
    said = "\n".join(one.getMessage() for one in caplog.records) + generate_latest(world.registry).decode()
    assert 'billing_tokens_refused_total{reason="issuer"} 3.0' in said
    assert said.count("token refused") == 2
    assert "https://other.example" in said
    assert ISSUER in said
    for one in bad:
        assert not [piece for piece in [*one.split("."), "canary"] if piece in said]


def test_a_part_starts_while_nobody_answers_at_the_address() -> None:
    """And takes tokens as soon as the provider is there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    registry = CollectorRegistry()
    source = AddressSource(f"http://127.0.0.1:{port}/", ssl.create_default_context())
    keys = ProviderKeys(source, KeyTimes(300, 15, 7_200), registry)
    authenticator = TokenAuthenticator(RULES, keys, registry, lambda: NOW)
    assert asyncio.run(authenticator.authenticate("bearer", token(EC), "")) is None
    assert registry.get_sample_value("billing_tokens_refused_total", {"reason": "no_keys"}) == 1
