"""Keys are read from where the deployment says, all of it within seconds and bytes, and from nowhere else."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from billing.access.token_keys import MAX_JWKS_BYTES, parse_jwks
from billing.runtime.access.key_source import AddressSource, FileSource, SourceError, make_source
from tests.access.certificates import Authority
from tests.access.key_server import KeyServer, body, key_server
from tests.access.provider import ec_signer, jwks

KEYS = jwks(ec_signer())
# On a machine that is busy with other tests.
PATIENCE_SECONDS = 60.0


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as running:
        yield running


def source(server: KeyServer, try_seconds: float = PATIENCE_SECONDS) -> AddressSource:
    return AddressSource(server.address, ssl.create_default_context(), try_seconds)


def test_keys_are_read_whatever_the_content_type(server: KeyServer) -> None:
    """Providers differ in what they call it."""
    for kind in ("application/json", "application/jwk-set+json", "text/plain; charset=iso-8859-1"):
        server.says(body(KEYS, Content_Type=kind))
        assert source(server).read() == KEYS


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (body(KEYS, 500), "it answers 500"),
        (body("", 204), "it answers 204"),
        (body("", 200, Transfer_Encoding="chunked"), "no HTTP"),
        (body(KEYS, 404), "it answers 404"),
        (body("", 302, Location="/other"), "redirects, which is not followed"),
        (body(KEYS, 301, Location="http://evil.example/keys"), "redirects, which is not followed"),
        (body(b"\xff\xfe"), "not UTF-8"),
        (body(b"\x1f\x8b\x08\x00", Content_Encoding="gzip"), "not UTF-8"),
        (body(b" " * (MAX_JWKS_BYTES + 1)), f"more than {MAX_JWKS_BYTES} bytes"),
    ],
)
def test_other_answers_are_no_keys(server: KeyServer, answer: object, why: str) -> None:
    """And none of them leads elsewhere."""
    server.says(answer)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match=why):
        source(server).read()
    assert server.paths == ["/keys"]


def test_a_flood_ends_at_the_limit(server: KeyServer) -> None:
    """It is not kept in memory."""
    server.says(server.flood)
    with pytest.raises(SourceError, match=f"more than {MAX_JWKS_BYTES} bytes"):
        source(server).read()


@pytest.mark.parametrize("way", ["hang", "drip"])
def test_a_provider_that_does_not_come_to_an_end_is_left(server: KeyServer, way: str) -> None:
    """However little it sends in between."""
    server.says(getattr(server, way))
    with pytest.raises(SourceError, match=r"no answer within 0\.3 seconds"):
        source(server, 0.3).read()


def test_nobody_at_the_address() -> None:
    """The sentence says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceError, match=r"(?i)connect"):
        AddressSource(f"http://127.0.0.1:{port}/", ssl.create_default_context()).read()


def test_only_a_certificate_that_is_trusted_is_believed(tmp_path: Path) -> None:
    """By an authority of the system, or of `token_ca_file` alone; for this name, and in its time."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    for pair, is_right in (
        (ours.sign("right"), True),
        (ours.sign("named", x509.DNSName("login.example.com")), False),
        (other.sign("strange"), False),
    ):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair.cert, pair.key)
        with key_server(tls) as server:
            server.says(body(KEYS))
            if is_right:
                assert make_source(server.address, str(ours.cert), PATIENCE_SECONDS).read() == KEYS
            with pytest.raises(SourceError, match=r"(?i)certificate"):
                make_source(server.address, "" if is_right else str(ours.cert), PATIENCE_SECONDS).read()


def test_a_file(tmp_path: Path) -> None:
    """Or why there is none to read."""
    path = tmp_path / "jwks.json"
    with pytest.raises(SourceError, match="No such file"):
        FileSource(path).read()
    with pytest.raises(SourceError, match="directory"):
        FileSource(tmp_path).read()
    path.write_bytes(b"\xff")
    with pytest.raises(SourceError, match="not UTF-8"):
        FileSource(path).read()
    path.write_text(KEYS)
    assert make_source(str(path), "").read() == KEYS
    path.write_bytes(b" " * 10_000_000)
    with pytest.raises(ValueError, match="larger than"):
        parse_jwks(FileSource(path).read())
