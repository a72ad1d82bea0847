"""`qb secrets`: made once, renewed in time, and each file readable by one service alone."""

import os
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import pytest
import yaml
from cryptography import x509

from billing.access.keys import parse_keys
from billing.access.principal import Scope
from billing.errors import OperatorError
from billing.runtime.access.keys_editing import KeysEditor
from qb.secrets.certificates import AUTHORITY_DAYS, RENEWED_DAYS, SERVER_DAYS, Pair, is_server_due, new_authority, sign
from qb.secrets.folders import Handing, Store
from qb.secrets.handout import Handout
from qb.secrets.holders import ALL, GRAFANA, PARTS, PROMETHEUS

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SERVER_FILES = {"ca.crt", "server.crt", "server.key", "web-config.yml"}
# What a holder has that another one has too: the authority, how TLS is spoken, the hashes of keys, one password.
SHARED = {"ca.crt", "web-config.yml", "keys.yml", "prometheus-password"}


def handed_out(folder: Path, now: datetime = NOW) -> Mapping[str, bytes]:
    """Make and hand out what is missing, and return what the holders have then, by folder and name."""
    Handout(Store(folder / "store"), Handing(folder), lambda: now).renew()
    return files_of(folder)


def files_of(folder: Path) -> Mapping[str, bytes]:
    """Return what the holders have."""
    names = [path for one in ALL for path in (folder / one.name).iterdir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def certificate(content: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(content)


def test_each_gets_its_own(tmp_path: Path) -> None:
    """No file too many, and the authority's key nobody."""
    files = handed_out(tmp_path)
    expected = {f"{part.name}/{name}" for part in PARTS for name in SERVER_FILES | {"keys.yml"}}
    expected |= {f"prometheus/{name}" for name in SERVER_FILES | {"key", "prometheus-password"}}
    expected |= {f"grafana/{name}" for name in ("ca.crt", "key", "prometheus-password", "admin-password")}
    assert files.keys() == expected
    secret = [content for name, content in files.items() if Path(name).name not in SHARED - {"prometheus-password"}]
    assert len(set(secret)) == len(secret)
    kept = (tmp_path / "store" / "authority.pem").read_bytes().split(b"-----BEGIN CERTIFICATE")[0]
    assert not [name for name, content in files.items() if kept in content]


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    """Neither the group nor others, nor may anybody write them; root hands them to the user of the service."""
    handed_out(tmp_path)
    for holder in ALL:
        for path in (tmp_path / holder.name).iterdir():
            found = path.stat()
            assert stat.S_IMODE(found.st_mode) == 0o400
            assert found.st_uid == (holder.user if os.geteuid() == 0 else os.geteuid())
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    kept = [path for path in (tmp_path / "store").iterdir() if not path.name.endswith(".lock")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_what_is_there_stays(tmp_path: Path) -> None:
    """The next start makes nothing, writes nothing, and brings back what a service has lost."""
    before = handed_out(tmp_path)
    inodes = {name: (tmp_path / name).stat().st_ino for name in before}
    assert handed_out(tmp_path, NOW + timedelta(days=200)) == before
    assert {name: (tmp_path / name).stat().st_ino for name in before} == inodes
    shutil.rmtree(tmp_path / "grafana")
    assert handed_out(tmp_path) == before


def test_certificates_are_renewed_in_time(tmp_path: Path) -> None:
    """Those of servers long before their end; the authority before it could not outlive them; nothing else changes."""
    before = handed_out(tmp_path)
    at = NOW + timedelta(days=SERVER_DAYS - RENEWED_DAYS + 1)
    after = handed_out(tmp_path, at)
    changed = {name for name in before if before[name] != after[name]}
    servers = {f"{one.name}/{name}" for one in (*PARTS, PROMETHEUS) for name in ("server.crt", "server.key")}
    assert changed == servers
    assert certificate(after["exporter/server.crt"]).not_valid_after_utc > at + timedelta(days=SERVER_DAYS - 1)
    much_later = handed_out(tmp_path, NOW + timedelta(days=AUTHORITY_DAYS - SERVER_DAYS + 1))
    authorities = {f"{one.name}/ca.crt" for one in ALL}
    assert {name for name in before if after[name] != much_later[name]} == servers | authorities


def test_a_server_is_known_by_its_names_alone() -> None:
    """OpenSSL accepts the certificate for the service's name and this machine's; another authority's is due."""
    authority, other = new_authority(NOW), new_authority(NOW)
    server = sign(authority, PROMETHEUS.hosts, NOW)
    names = certificate(server.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["prometheus", "localhost"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert not is_server_due(server, authority, PROMETHEUS.hosts, NOW)
    assert is_server_due(server, other, PROMETHEUS.hosts, NOW)
    assert is_server_due(server, authority, GRAFANA.hosts, NOW)


def test_the_strictest_check_of_a_chain_passes() -> None:
    """What newer clients refuse: an authority without its key's identifier, a server without its issuer's."""
    now = datetime.now(UTC)
    authority = new_authority(now)
    greet(authority, sign(authority, ("localhost",), now))


def greet(authority: Pair, server: Pair) -> None:
    """Let a client that trusts an authority greet a server, in memory.

    Raises:
        ssl.SSLError: it does not accept the certificate.
    """
    client = ssl.create_default_context(cadata=authority.certificate.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    host = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(host, server)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname="localhost"), host.wrap_bio(up, down, server_side=True)]
    for _ in range(4):
        ends = [end for end in ends if not is_greeted(end)]
    assert not ends


def load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    descriptor = os.memfd_create("pair")
    try:
        os.write(descriptor, pair.key + pair.certificate)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def is_greeted(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_keys_have_one_scope_each(tmp_path: Path) -> None:
    """Prometheus may scrape, Grafana may read, and a key that is taken back is followed by another."""
    files = handed_out(tmp_path)
    now_ms = int(NOW.timestamp()) * 1_000
    keys = parse_keys(files["exporter/keys.yml"].decode())
    for holder, scope in ((PROMETHEUS, Scope.METRICS), (GRAFANA, Scope.READ)):
        owner = keys.owner(files[f"{holder.name}/key"].decode(), now_ms)
        assert owner is not None
        assert (owner.name, owner.scopes, owner.customers) == (holder.name, frozenset({scope}), frozenset[str]())
    KeysEditor(tmp_path / "store" / "keys.yml").remove("grafana")
    after = handed_out(tmp_path)
    changed = {f"{part.name}/keys.yml" for part in PARTS} | {"grafana/key"}
    assert {name for name in files if files[name] != after[name]} == changed
    assert parse_keys(after["exporter/keys.yml"].decode()).owner(files["grafana/key"].decode(), now_ms) is None


def test_prometheus_knows_the_passwords_that_were_handed_out(tmp_path: Path) -> None:
    """By their hashes; each reader has another."""
    files = handed_out(tmp_path)
    users = yaml.safe_load(files["prometheus/web-config.yml"])["basic_auth_users"]
    assert users.keys() == {"prometheus", "grafana"}
    for name, digest in users.items():
        assert bcrypt.checkpw(files[f"{name}/prometheus-password"], digest.encode())


def test_it_goes_on_wherever_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any write, the next start makes the rest; what fits together is handed out together."""
    real_replace: Callable[[Path, Path], Path] = Path.replace
    writes_left = 0

    class KilledError(BaseException):
        pass

    def replace(path: Path, target: Path) -> Path:
        nonlocal writes_left
        if not writes_left:
            raise KilledError
        writes_left -= 1
        return real_replace(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    for allowed in range(60):
        folder = tmp_path / str(allowed)
        writes_left = allowed
        try:
            handed_out(folder)
        except KilledError:
            writes_left = 1_000
            files = handed_out(folder)
            owner = parse_keys(files["exporter/keys.yml"].decode()).owner(files["grafana/key"].decode(), 0)
            assert owner is not None
            greet_files(files, "processor")
        else:
            break
    assert 20 < allowed < 59


def greet_files(files: Mapping[str, bytes], name: str) -> None:
    pair = Pair(files[f"{name}/server.crt"], files[f"{name}/server.key"])
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
    certificate(pair.certificate).verify_directly_issued_by(certificate(files["grafana/ca.crt"]))


def test_a_kept_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    """In one sentence, with what to do; nothing is made in its place unasked."""
    handed_out(tmp_path)
    (tmp_path / "store" / "authority.pem").write_text("no certificate")
    with pytest.raises(OperatorError, match=r"store/authority\.pem cannot be used: .*; mend it, or delete it"):
        handed_out(tmp_path)


def run(folder: Path, *flags: str, before: Sequence[str] = ()) -> str:
    """Run the command, which must succeed, and return what it says."""
    command = [*before, sys.executable, "-m", "qb", "secrets", "--dir", str(folder), *flags]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_command_says_what_it_did_and_no_secret(tmp_path: Path) -> None:
    """It returns at once without `--watch`, and tells by a file that all is handed out."""
    ready = tmp_path / "ready"
    said = run(tmp_path / "all", "--ready-file", str(ready))
    assert ready.exists()
    assert "handed out" in said
    for name, content in files_of(tmp_path / "all").items():
        if Path(name).name in ("key", "admin-password", "prometheus-password"):
            assert content.decode() not in said


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_as_root_it_needs_no_right_but_to_give_files_away(tmp_path: Path) -> None:
    """As in its container: what it has handed out it cannot read again, and a second start changes nothing."""
    without_other_rights = ["setpriv", "--bounding-set=-all,+chown", "--inh-caps=-all,+chown"]
    results = []
    for _ in range(2):
        run(tmp_path, before=without_other_rights)
        results.append(files_of(tmp_path))
    assert results[0] == results[1]
    assert (tmp_path / "grafana" / "key").stat().st_uid == GRAFANA.user
