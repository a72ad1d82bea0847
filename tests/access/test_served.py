"""A part's HTTP server with a web config file: TLS, passwords, headers and limits, and what a change of it does."""

import base64
import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from cryptography import x509
from prometheus_client import CollectorRegistry

from billing.errors import OperatorError
from billing.runtime.access import openssl
from billing.runtime.access.access import make_access
from billing.runtime.healthcheck import main as healthcheck
from billing.runtime.part_server import MAX_CONNECTIONS, AskHealth, HealthCheck, Listening, part_served
from billing.settings import Settings
from tests.access.certificates import Authority, Pair
from tests.pipeline import wait_until


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


ALICE = f"basic_auth_users: {{alice: '{hashed('right')}'}}\n"


@dataclass(frozen=True)
class Served:
    """A server, and how to ask it."""

    port: int
    registry: CollectorRegistry
    folder: Path
    context: ssl.SSLContext | None = None

    def get(self, path: str = "/metrics", user: str = "", password: str = "") -> http.client.HTTPResponse:
        """Return the answer, read whole."""
        return self.read(path, user, password)[0]

    def read(self, path: str, user: str = "", password: str = "") -> tuple[http.client.HTTPResponse, str]:
        """Return the answer and its body."""
        connection = (
            http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.context)
            if self.context
            else http.client.HTTPConnection("localhost", self.port, timeout=30)
        )
        with closing(connection):
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            connection.request("GET", path, headers={"Authorization": f"Basic {token}"} if user else {})
            response = connection.getresponse()
            return response, response.read().decode()

    def write(self, text: str) -> None:
        """Write the web config file anew."""
        (self.folder / "web.yml").write_text(text)

    @property
    def is_good(self) -> bool:
        """What the metric says of the last reading."""
        return self.registry.get_sample_value("billing_web_config_last_reload_successful") == 1


@contextmanager
def served(
    folder: Path, text: str, context: ssl.SSLContext | None = None, health: AskHealth = list
) -> Iterator[Served]:
    """A part's server with this web config file."""
    (folder / "web.yml").write_text(text)
    registry = CollectorRegistry()
    access = make_access(Settings(web_config_file=str(folder / "web.yml")), registry)
    with part_served(registry, health, Listening("processor", "127.0.0.1", 0), access) as port:
        yield Served(port, registry, folder, context)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


def client(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.cert)
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    return context


def tls(pair: Pair, more: str = "") -> str:
    return f"tls_server_config: {{cert_file: {pair.cert}, key_file: {pair.key}{more}}}\n"


def test_passwords_guard_metrics_and_leave_health_open(tmp_path: Path) -> None:
    """A wrong one, and one of nobody, are answered alike; a right one is known again though bcrypt is not asked."""
    with served(tmp_path, ALICE + "http_server_config: {headers: {X-Frame-Options: deny}}") as part:
        for user, password, status in (
            ("", "", 401),
            ("alice", "wrong", 401),
            ("bob", "right", 401),
            ("alice", "right", 200),
            ("alice", "right", 200),
        ):
            response = part.get("/metrics", user, password)
            assert (response.status, response.headers["X-Frame-Options"]) == (status, "deny")
            assert response.headers["WWW-Authenticate"] == ("Basic" if status == 401 else None)
        assert [part.get(path).status for path in ("/healthz", "/readyz", "/")] == [200, 200, 404]


def test_why_a_part_is_not_ready_is_for_those_who_may_see_its_metrics(tmp_path: Path) -> None:
    """Anybody is told whether it is, and of which check; a reason may hold names, offsets and amounts."""

    def health() -> list[HealthCheck]:
        return [HealthCheck("kafka", True, "it answers at 10.0.0.7"), HealthCheck("moving", False, "at offset 4711")]

    reasons = "it answers at 10.0.0.7", "at offset 4711"
    with served(tmp_path, ALICE, health=health) as part:
        for user, password in (("", ""), ("alice", "wrong"), ("bob", "right")):
            response, text = part.read("/readyz", user, password)
            assert (response.status, "moving" in text, any(why in text for why in reasons)) == (503, True, False)
        response, text = part.read("/readyz", "alice", "right")
        assert (response.status, all(why in text for why in reasons)) == (503, True)
    with served(tmp_path, "", health=health) as part:
        assert all(why in part.read("/readyz")[1] for why in reasons)


def test_tls_takes_a_new_certificate_and_keeps_the_old_one_from_a_bad_file(
    tmp_path: Path, authority: Authority
) -> None:
    """Connections go on being taken; the metric says which it is."""
    pair = authority.sign("server")
    context = client(authority)
    with served(tmp_path, tls(pair), context) as part:
        assert part.get().status == 200
        first = ssl.get_server_certificate(("127.0.0.1", part.port))
        part.write("tls_server_config: {cert_file: missing.crt, key_file: missing.key}")
        wait_until(lambda: not part.is_good, 120.0)
        assert part.get().status == 200
        part.write(tls(pair))
        wait_until(lambda: part.is_good, 120.0)
        renewed = authority.sign("server")
        assert renewed == pair
        wait_until(lambda: ssl.get_server_certificate(("127.0.0.1", part.port)) != first, 120.0)
        assert part.get().status == 200


@pytest.mark.parametrize("text", ["", ALICE + "junk: 1", "basic_auth_users: {}"], ids=["empty", "junk", "nobody"])
def test_no_change_opens_the_door(tmp_path: Path, text: str) -> None:
    """A file that asks nobody for a password any more is not taken, nor is one that cannot be read."""
    with served(tmp_path, ALICE) as part:
        part.write(text)
        wait_until(lambda: not part.is_good, 120.0)
        assert part.get().status == 401
        assert part.get("/metrics", "alice", "right").status == 200


def test_a_password_is_forgotten_when_the_file_has_another(tmp_path: Path) -> None:
    """And a user who is removed is nobody at once."""
    with served(tmp_path, ALICE) as part:
        assert part.get("/metrics", "alice", "right").status == 200
        part.write(f"basic_auth_users: {{alice: '{hashed('new')}', bob: '{hashed('right')}'}}")
        wait_until(lambda: part.get("/metrics", "bob", "right").status == 200, 120.0)
        assert part.get("/metrics", "alice", "right").status == 401
        assert part.get("/metrics", "alice", "new").status == 200


SIGNED = "client_auth_type: RequireAndVerifyClientCert"


def test_clients_show_certificates(
    tmp_path: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One of the CA gets in; none, another's or one without the right name does not."""
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger").sign("client")
    good = authority.sign("good", x509.DNSName("scraper"), x509.RFC822Name("a@b.test"))
    other = authority.sign("other", x509.UniformResourceIdentifier("spiffe://other"))
    more = f", {SIGNED}, client_ca_file: {authority.cert}, client_allowed_sans: [one, scraper]"
    with served(tmp_path, tls(authority.sign("server"), more)) as part:
        for pair, gets_in in ((good, True), (None, False), (stranger, False), (other, False), (good, True)):
            asking = Served(part.port, part.registry, tmp_path, client(authority, pair))
            if gets_in:
                assert asking.get().status == 200
            else:
                with pytest.raises((OSError, http.client.HTTPException)):
                    asking.get()
        url, shown = f"https://localhost:{part.port}/readyz", [str(good.cert), str(good.key)]
        assert healthcheck([url, str(authority.cert), *shown]) == 0
        assert healthcheck([url, str(authority.cert)]) == 1
        assert healthcheck([url]) == 1


def test_more_requests_than_allowed_are_refused_but_health_is_not(tmp_path: Path) -> None:
    """The limit changes with the file."""
    with served(tmp_path, "rate_limit: {interval: 1h, burst: 2}") as part:
        assert [part.get().status for _ in range(3)] == [200, 200, 429]
        assert part.get("/healthz").status == 200
        part.write("rate_limit: {interval: 0}")
        wait_until(lambda: part.get().status == 200, 120.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tls_server_config: {cert_file: a, key_file: b}", "cert_file a: No such file or directory"),
        ("tls_server_config: {cert_file: web.yml, key_file: web.yml}", "are not a certificate and its private key"),
        ("junk: 1", "there is no key 'junk'"),
        (f"tls_server_config: {{PAIR, {SIGNED}, client_ca_file: web.yml}}", "web.yml holds no certificate"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_operators_error(
    tmp_path: Path, authority: Authority, text: str, message: str
) -> None:
    """Which names the file, the key and what is wrong with it."""
    pair = authority.sign("server")
    (tmp_path / "web.yml").write_text(text.replace("PAIR", f"cert_file: {pair.cert}, key_file: {pair.key}"))
    with pytest.raises(OperatorError, match=r"web_config_file .*/web.yml: ") as refused:
        make_access(Settings(web_config_file=str(tmp_path / "web.yml")), CollectorRegistry())
    assert message in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """At the start, when somebody looks."""
    with pytest.raises(OperatorError, match=r"web_config_file .*/none.yml: No such file or directory"):
        make_access(Settings(web_config_file=str(tmp_path / "none.yml")), CollectorRegistry())


def test_any_certificate_is_taken_where_the_file_says_so(
    tmp_path: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """But one must be shown; and of several curves each is taken, and no other."""
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger").sign("client")
    more = ", client_auth_type: RequireAnyClientCert, curve_preferences: [CurveP384, X25519]"
    with served(tmp_path, tls(authority.sign("server"), more)) as part:
        for pair, curve, gets_in in (
            (stranger, "X25519", True),
            (stranger, "secp384r1", True),
            (stranger, "secp521r1", False),
            (None, "X25519", False),
        ):
            context = client(authority, pair)
            context.set_ecdh_curve(curve)
            asking = Served(part.port, part.registry, tmp_path, context)
            if gets_in:
                assert asking.get().status == 200
            else:
                with pytest.raises((OSError, http.client.HTTPException)):
                    asking.get()


def _declare_another(library: Any) -> None:
    """Let the library speak of another object than the one that is meant."""
    library.SSL_CTX_get_num_tickets = lambda _: 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("client_auth_type: RequireAnyClientCert", "this Python cannot take certificates without verifying them"),
        ("client_auth_type: RequestClientCert", "this Python cannot take certificates without verifying them"),
        ("curve_preferences: [CurveP384, X25519]", "with this Python name one curve, or none"),
    ],
)
@pytest.mark.parametrize("missing", ["release", "object", "function"])
def test_what_python_cannot_do_is_refused_by_name(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, text: str, message: str, missing: str
) -> None:
    """Be it another release, an object that is not what is expected, or a library without the function."""
    if missing == "release":
        monkeypatch.setattr(openssl, "_RELEASES", ())
    elif missing == "function":
        monkeypatch.setattr(openssl, "_declare", lambda library: library.SSL_CTX_there_is_no_such_function)
    else:
        monkeypatch.setattr(openssl, "_declare", _declare_another)
    (tmp_path / "web.yml").write_text(tls(authority.sign("server"), f", {text}"))
    with pytest.raises(OperatorError, match=message):
        make_access(Settings(web_config_file=str(tmp_path / "web.yml")), CollectorRegistry())


def test_connections_without_a_handshake_make_room(tmp_path: Path, authority: Authority) -> None:
    """The oldest are closed when more come than there are places, and whoever does shake hands is answered."""
    with served(tmp_path, tls(authority.sign("server")), client(authority)) as part, ExitStack() as sockets:
        address = ("127.0.0.1", part.port)
        silent = [
            sockets.enter_context(socket.create_connection(address, timeout=30)) for _ in range(MAX_CONNECTIONS + 4)
        ]
        assert part.get().status == 200
        with contextlib.suppress(ConnectionResetError):
            assert silent[0].recv(1) == b""
