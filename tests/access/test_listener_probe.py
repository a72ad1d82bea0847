"""What listens at a broker's address, as far as it shows: TLS or none, and what is wrong with a certificate."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509 import DNSName

from billing.runtime.client_errors import KafkaRefusesError
from billing.runtime.kafka import reached_admin
from billing.runtime.listener_probe import fault_of_listener, is_listening
from billing.settings import Settings
from broker.ports import free_port
from tests.access.certificates import Authority
from tests.access.tls_server import tls_server
from tests.conftest import Kafka


@dataclass(frozen=True)
class Listeners:
    """Addresses that speak TLS, each with a certificate of its own, and who has signed them."""

    right: str
    old: str
    of_another_name: str
    authority: str
    stranger: str


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    """Three of them."""
    folder = tmp_path_factory.mktemp("listeners")
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    pairs = (
        authority.sign("right"),
        authority.sign("old", days=-1),
        authority.sign("elsewhere", DNSName("elsewhere.example")),
    )
    with ExitStack() as running:
        right, old, other = (running.enter_context(tls_server(pair)) for pair in pairs)
        yield Listeners(right, old, other, str(authority.cert), str(stranger.cert))


@pytest.mark.parametrize(
    ("where", "protocol", "trusts", "said"),
    [
        ("right", "PLAINTEXT", "authority", "wants TLS; set security.protocol to SSL or SASL_SSL"),
        ("right", "SASL_PLAINTEXT", "authority", "wants TLS; set security.protocol to SASL_SSL"),
        ("right", "sasl_plaintext", "authority", "wants TLS; set security.protocol to SASL_SSL"),
        ("right", "SASL_SSL", "stranger", "set ssl.ca.location in the setting kafka to the authority"),
        ("right", "SSL", "authority", "ends the connection; if it wants a user, set security.protocol to SASL_SSL"),
        ("old", "SASL_SSL", "authority", "certificate has expired; renew it on the broker"),
        ("of_another_name", "ssl", "authority", "use a name that stands in it in bootstrap_servers and advertised"),
    ],
)
def test_what_is_wrong_is_told(listeners: Listeners, where: str, protocol: str, trusts: str, said: str) -> None:
    """What it is and what to do, in any spelling of the protocol, whichever of the addresses it is."""
    options = {"security.protocol": protocol, "ssl.ca.location": getattr(listeners, trusts)}
    nobody = f"127.0.0.1:{free_port()}"
    for servers in (getattr(listeners, where), f"{nobody},SSL://{getattr(listeners, where)}"):
        assert said in (fault_of_listener(servers, options) or "")


def test_what_is_right_is_not_told(listeners: Listeners) -> None:
    """Nor what nobody asked to be verified, nor where nobody listens."""
    trusted = {"security.protocol": "SASL_SSL", "ssl.ca.location": listeners.authority}
    assert fault_of_listener(listeners.right, trusted) is None
    assert fault_of_listener(listeners.right, {**trusted, "ssl.ca.location": "/none"}) is None
    careless = {"security.protocol": "SASL_SSL", "enable.ssl.certificate.verification": "false"}
    assert fault_of_listener(listeners.old, careless) is None
    any_name = {**trusted, "ssl.endpoint.identification.algorithm": "none"}
    assert fault_of_listener(listeners.of_another_name, any_name) is None
    nobody = f"127.0.0.1:{free_port()}"
    assert fault_of_listener(nobody, {}) is None
    assert is_listening(listeners.right)
    assert not is_listening(nobody)


def test_a_broker_without_tls_is_no_fault_of_the_listener(kafka: Kafka) -> None:
    """A client without TLS is right there."""
    assert fault_of_listener(kafka.bootstrap_servers, {}) is None
    assert is_listening(kafka.bootstrap_servers)


def test_the_fault_is_told_soon_and_not_that_nobody_answers(listeners: Listeners) -> None:
    """Before the time is over that a broker may take to start."""
    with pytest.raises(KafkaRefusesError, match=r"wants TLS; set security\.protocol"):
        reached_admin(Settings(bootstrap_servers=listeners.right), 120.0)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """By the option, with what to do."""
    options = {"security.protocol": "SSL", "ssl.ca.location": str(tmp_path / "none.pem")}
    with pytest.raises(RuntimeError, match=r"ssl\.ca\.location failed.*see that the file is there"):
        reached_admin(Settings(kafka={**options}), 1.0)
