"""Nobody answers, a broker does not let one in, a right is missing: each fault has a sentence of its own."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509 import DNSName

from billing.acl_rules import PARTS
from tests.access.certificates import Authority, Pair
from tests.access.forked import ForkedQb
from tests.access.secured_kafka import SecuredKafka
from tests.access.tls_server import tls_server

PASSWORD = "canary-sesame-7"
WRONG = "canary-wrong-8"
# Longer than any part waits for a broker, on a machine that is busy.
PATIENCE_SECONDS = 240.0


@dataclass(frozen=True)
class Fault:
    """A client that gets nowhere.

    Args:
        servers: where it asks.
        options: its setting `kafka`.
        said: what the sentence holds, as a regular expression.
    """

    servers: str
    options: dict[str, object]
    said: str


@pytest.fixture(scope="module")
def faults(secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Fault]]:
    """Each way of getting nowhere, by its name."""
    secured.add_user("someone", PASSWORD)
    folder = tmp_path_factory.mktemp("strangers")
    login, certificate = secured.password_options("someone", PASSWORD), secured.certificate_options("someone")
    stranger = Authority(folder, "stranger")
    foreign, old = stranger.sign("someone"), secured.authority.sign("someone-old", days=-1)
    locked = secured.authority.sign("locked", passphrase=PASSWORD)
    by_password, by_certificate = secured.password_servers, secured.certificate_servers
    plain = secured.broker.bootstrap_servers

    def shown(identity: Pair) -> dict[str, object]:
        files = {"ssl.certificate.location": str(identity.cert), "ssl.key.location": str(identity.key)}
        return {**certificate, **files}

    def bare(options: dict[str, object], *beginnings: str) -> dict[str, object]:
        return {name: value for name, value in options.items() if not name.startswith(beginnings)}

    with (
        tls_server(secured.authority.sign("old", days=-1)) as old_server,
        tls_server(secured.authority.sign("elsewhere", DNSName("elsewhere.example"))) as other_server,
    ):
        yield {
            "wrong password": Fault(
                by_password, {**login, "sasl.password": WRONG}, r"invalid credentials.*check sasl\.username and"
            ),
            "unknown user": Fault(
                by_password, {**login, "sasl.username": "nobody"}, r"invalid credentials.*check sasl\.username and"
            ),
            "wrong mechanism": Fault(
                by_password, {**login, "sasl.mechanism": "PLAIN"}, r"SCRAM-SHA-512; set sasl\.mechanism"
            ),
            "login without TLS": Fault(
                by_password,
                {**login, "security.protocol": "SASL_PLAINTEXT"},
                r"wants TLS; set security\.protocol to SASL_SSL",
            ),
            "plain to TLS": Fault(by_password, {}, r"wants TLS; set security\.protocol to SSL or SASL_SSL"),
            "plain to TLS with certificates": Fault(by_certificate, {}, r"wants TLS; set security\.protocol"),
            "TLS to plain": Fault(plain, certificate, r"the listener has no TLS: check the port, or set security\.pro"),
            "TLS and login to plain": Fault(plain, login, r"the listener has no TLS: check the port, or set security"),
            "login to plain": Fault(
                plain, {**login, "security.protocol": "SASL_PLAINTEXT"}, r"takes no login: check the port, or security"
            ),
            "no login": Fault(
                by_password, certificate, r"ends the connection; if it wants a user, set security\.proto"
            ),
            "no certificate": Fault(
                by_certificate, bare(certificate, "ssl.cert", "ssl.key"), r"check ssl\.certificate"
            ),
            "login instead of a certificate": Fault(by_certificate, login, r"check ssl\.certificate\.location"),
            "certificate whose time is over": Fault(by_certificate, shown(old), r"or its time is over: renew it"),
            "certificate of a stranger": Fault(by_certificate, shown(foreign), r"check ssl\.certificate"),
            "broker of a stranger": Fault(
                by_password, {**login, "ssl.ca.location": str(stranger.cert)}, r"not accepted: .*set ssl\.ca\.location"
            ),
            "authority not named": Fault(by_password, bare(login, "ssl.ca"), r"not accepted: .*set ssl\.ca\.location"),
            "broker whose time is over": Fault(old_server, login, r"certificate has expired; renew it on the broker"),
            "broker of another name": Fault(other_server, login, r"IP address mismatch.*advertised\.listeners"),
            "missing authority file": Fault(
                by_password, {**login, "ssl.ca.location": str(folder / "none.pem")}, r"^qb: kafka: .*the file is there"
            ),
            "locked key": Fault(
                by_certificate, {**shown(locked), "ssl.key.password": WRONG}, r"^qb: kafka: .*ssl\.key\.password opens"
            ),
            "login without a name": Fault(
                by_password, bare(login, "sasl.username"), r"^qb: kafka: .*sasl\.username and"
            ),
            "unknown option": Fault(
                by_password, {**login, "sasl.pasword": PASSWORD}, r'^qb: kafka: .*"sasl\.pasword"; allowed are'
            ),
            "nobody": Fault("127.0.0.1:1", login, r"no Kafka broker answers at 127\.0\.0\.1:1: start one"),
            "no such host": Fault("nobody.invalid:9092", login, r"no Kafka broker answers at nobody\.invalid:9092"),
        }


ARGUMENTS = {
    "explain": ["Charlie", "2017-02"],
    "replay": ["--month", "2017-02"],
    "budgets": ["--budgets", "[{name: all, amount: '1'}]"],
    "notify": ["--webhook-url", "http://127.0.0.1:9/", "--webhook-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
}
PORTS = {f"QB_{part}_PORT": "0" for part in ("PROCESSOR", "EXPORTER", "INVOICER", "BUDGETS", "NOTIFIER")}
# These begin a new session once a broker is there again, however long that takes.
PATIENT = {"invoice", "budgets", "notify"}


def fault_of(forked_qb: ForkedQb, command: str, fault: Fault, folder: Path) -> str:
    """Run a command until it has said its sentence; return what is wrong with that, if anything is."""
    environment = {
        **PORTS,
        "QB_BOOTSTRAP_SERVERS": fault.servers,
        "QB_KAFKA": json.dumps(fault.options),
        "QB_STATE_DIR": str(folder / "state"),
        "QB_OUTPUT": str(folder / "invoices"),
    }
    started = forked_qb.start([command, *ARGUMENTS.get(command, [])], environment)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (lines := [line for line in started.text.splitlines() if re.search(fault.said, line)]):
        if started.exit_code is not None or time.monotonic() > deadline:
            return f"{command} ended with {started.exit_code}, not {fault.said!r} but:\n{started.text[-1_500:]}"
        time.sleep(0.05)
    goes_on = command in PATIENT and "no Kafka broker answers" in lines[0]
    if not goes_on and started.wait(PATIENCE_SECONDS) != 1:
        return f"{command} ended with {started.exit_code}:\n{started.text}"
    started.end()
    if "Traceback" in started.text or "canary" in started.text:
        return f"{command} says too much:\n{started.text}"
    told = [line for line in started.text.splitlines() if line.startswith("qb: ")]
    return "" if goes_on or len(told) == 1 else f"{command} says {len(told)} sentences:\n{started.text}"


@pytest.mark.timeout(1800)
@pytest.mark.slow("login and TLS at Kafka")
def test_each_fault_has_its_sentence(forked_qb: ForkedQb, faults: dict[str, Fault], tmp_path: Path) -> None:
    """What is wrong, why and what to do; no password, no traceback, exit code 1, in bounded time."""
    with ThreadPoolExecutor(6) as pool:
        found = pool.map(lambda fault: fault_of(forked_qb, "topics", fault, tmp_path), faults.values())
        wrong = {name: text for name, text in zip(faults, found, strict=True) if text}
    assert not wrong, "\n\n".join(f"--- {name}: {text}" for name, text in wrong.items())


@pytest.mark.timeout(1800)
@pytest.mark.slow("login and TLS at Kafka")
def test_each_part_tells_faults_apart(
    forked_qb: ForkedQb, secured: SecuredKafka, faults: dict[str, Fault], tmp_path: Path
) -> None:
    """Nobody, no login, no TLS, no right: four sentences, whichever part or command it is."""
    secured.add_user("someone", PASSWORD)
    no_right = Fault(
        secured.password_servers,
        secured.password_options("someone", PASSWORD),
        r"Kafka does not allow this user to .*\(ACL\)",
    )
    kinds = [faults["nobody"], faults["wrong password"], faults["plain to TLS"], no_right]
    asked = [(part, fault) for fault in kinds for part in PARTS]
    with ThreadPoolExecutor(6) as pool:
        wrong = [text for text in pool.map(lambda one: fault_of(forked_qb, one[0], one[1], tmp_path), asked) if text]
    assert not wrong, "\n\n".join(wrong)
