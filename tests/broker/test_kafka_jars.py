"""The download of Apache Kafka, from a repository on this machine that serves the jars of the user's cache."""

import hashlib
import os
import threading
import tomllib
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from broker import jar_download
from broker.errors import BrokerError
from broker.jar_download import Downloaded
from broker.jar_lock import LOCK_FILE, SPEC_FILE, locked_jars
from broker.kafka_jars import ensure_jars


class Repository(ThreadingHTTPServer):
    """Serves the jars in `folder` by their file names; those in `cut_short` break off half-way, so many times each."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.cut_short: Counter[str] = Counter()
        self.garbled: set[str] = set()
        self.served: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        if not name.endswith(".jar"):
            self.send_error(404)
            return
        content = (self.server.folder / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.server.cut_short[name] > 0:
            self.server.cut_short[name] -= 1
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.server.served.append(name)
        self.wfile.write(bytes(len(content)) if name in self.server.garbled else content)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def jars() -> Path:
    """The folder with the jars of the user's cache."""
    return ensure_jars()[0].parent


@pytest.fixture
def repository(jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """The only repository that downloads know of in this test."""
    with Repository(jars) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(jar_download, "_PAUSE_BETWEEN_TRIES_SECONDS", 0.01)
        yield server
        server.shutdown()
        thread.join()


def fill(folder: Path, jars: Path, leave_out: set[str]) -> None:
    """Make a cache in which only some jars are missing."""
    folder.mkdir()
    for jar in locked_jars():
        if jar.file_name not in leave_out:
            os.link(jars / jar.file_name, folder / jar.file_name)


def test_first_time_fetches_all_and_second_time_nothing(repository: Repository, tmp_path: Path) -> None:
    """Every jar is fetched once, counted in the progress, and checked; then the cache is enough."""
    reports: list[Downloaded] = []

    class_path = ensure_jars(reports.append, tmp_path / "cache")

    assert [path.name for path in class_path] == [jar.file_name for jar in locked_jars()]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in class_path] == [j.sha256 for j in locked_jars()]
    assert sorted(repository.served) == sorted(jar.file_name for jar in locked_jars())
    total = len(locked_jars())
    assert reports[0] == Downloaded(0, total, 0)
    assert reports[-1] == Downloaded(total, total, sum(path.stat().st_size for path in class_path))

    repository.served.clear()
    ensure_jars(reports.append, tmp_path / "cache")
    assert not repository.served


def test_transfer_cut_short_is_tried_again(repository: Repository, jars: Path, tmp_path: Path) -> None:
    """A half file never counts: the rest of the tries get it whole."""
    name = locked_jars()[0].file_name
    fill(tmp_path / "cache", jars, {name})
    repository.cut_short[name] = 2

    ensure_jars(None, tmp_path / "cache")

    assert (tmp_path / "cache" / name).read_bytes() == (jars / name).read_bytes()


def test_failed_download_names_the_file_and_resumes(repository: Repository, jars: Path, tmp_path: Path) -> None:
    """After a failure the files that were done stay, and only the missing one is fetched by the next try."""
    good, bad = (jar.file_name for jar in locked_jars()[:2])
    fill(tmp_path / "cache", jars, {good, bad})
    repository.cut_short[bad] = 3

    with pytest.raises(BrokerError, match=f"^cannot download {bad} .* what is already there is kept$"):
        ensure_jars(None, tmp_path / "cache")
    assert repository.served == [good]

    ensure_jars(None, tmp_path / "cache")
    assert repository.served == [good, bad]
    assert not list((tmp_path / "cache").glob(".partial-*"))


def test_file_that_is_not_the_locked_one_is_refused(repository: Repository, jars: Path, tmp_path: Path) -> None:
    """A file with another checksum never gets its name in the cache."""
    name = locked_jars()[0].file_name
    fill(tmp_path / "cache", jars, {name})
    repository.garbled.add(name)

    with pytest.raises(BrokerError, match="its SHA-256 is"):
        ensure_jars(None, tmp_path / "cache")

    assert not (tmp_path / "cache" / name).exists()


def test_damaged_cache_is_mended(repository: Repository, jars: Path, tmp_path: Path) -> None:
    """Half a jar in the cache, from a full disk perhaps, is fetched anew, and what killed downloads left goes."""
    name = locked_jars()[0].file_name
    fill(tmp_path / "cache", jars, {name})
    (tmp_path / "cache" / name).write_bytes((jars / name).read_bytes()[:1000])
    (tmp_path / "cache" / ".partial-abc").mkdir()

    ensure_jars(None, tmp_path / "cache")

    assert (tmp_path / "cache" / name).read_bytes() == (jars / name).read_bytes()
    assert repository.served == [name]
    assert not (tmp_path / "cache" / ".partial-abc").exists()


def test_no_network_is_one_clear_line(repository: Repository, tmp_path: Path) -> None:
    """Without a network the message names a file and says that a second try goes on."""
    repository.shutdown()
    repository.server_close()

    with pytest.raises(BrokerError, match=r"^cannot download \S+\.jar .* refused; check the network and try again"):
        ensure_jars(None, tmp_path / "cache")


def test_lock_belongs_to_the_specification() -> None:
    """`jgo.lock.toml` was made from this `jgo.toml`."""
    lock = tomllib.loads(LOCK_FILE.read_text("utf-8"))
    assert lock["metadata"]["spec_hash"] == hashlib.sha256(SPEC_FILE.read_bytes()).hexdigest()[:16]
    assert all(len(jar.sha256) == 64 for jar in locked_jars())
