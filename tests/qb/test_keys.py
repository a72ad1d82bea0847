"""`qb keys add|list|revoke`."""

import json
import stat
import threading
from pathlib import Path

import pytest

from billing.access.principal import Principal
from billing.access.secret_key import is_key
from billing.clock import SystemClock
from billing.runtime.access.keys_file import read_keys
from qb.cli import main

DAY_MS = 86_400_000


@pytest.fixture(name="path", autouse=True)
def path_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.yml"
    monkeypatch.setenv("QB_KEYS_FILE", str(path))
    monkeypatch.setattr("qb.cli.configure_logging", lambda *_: None)
    return path


def keys(*arguments: str) -> int:
    return main(["keys", *arguments])


def test_a_key_is_shown_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alone on standard output, so that a script can keep it; the file has its hash."""
    assert keys("add", "bob", "--scope", "customer:Bob, Ltd", "--scope", "metrics", "--days", "30") == 0
    shown = capsys.readouterr()
    key = shown.out.removesuffix("\n")
    assert is_key(key)
    assert key not in shown.err
    assert "bob may: metrics, customer:Bob, Ltd; it expires at " in shown.err
    assert "the only time that the key is shown" in shown.err
    now_ms = SystemClock().now_ms()
    owner = read_keys(path).owner(key, now_ms)
    assert owner is not None
    assert owner == Principal.of("bob", ["metrics", "customer:Bob, Ltd"])
    assert read_keys(path).owner(key, now_ms + 30 * DAY_MS) is None
    assert key not in path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys("list") == 0
    assert key not in capsys.readouterr().out


def test_keys_are_listed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table that nothing cuts off, and as JSON."""
    keys("add", "grafana", "--scope", "read", "--expires", "2999-01-01")
    keys("add", "other", "--scope", f"customer:{'x' * 200}")
    text = path.read_text("utf-8").replace("2999", "2020")
    path.write_text(text, "utf-8")
    capsys.readouterr()
    assert keys("list") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["NAME", "STATE", "CREATED", "EXPIRES", "SCOPES"]
    assert (lines[1][:2], lines[1][3:]) == (["grafana", "expired"], ["2020-01-01T00:00:00Z", "read"])
    assert (lines[2][:2], lines[2][3:]) == (["other", "valid"], ["never", f"customer:{'x' * 200}"])
    assert keys("list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["state"], one["expires"]) for one in found] == [
        ("grafana", "expired", "2020-01-01T00:00:00Z"), ("other", "valid", None),
    ]  # fmt: skip


def test_a_key_is_taken_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And its name is free again."""
    keys("add", "a", "--scope", "read")
    key = capsys.readouterr().out.strip()
    assert keys("revoke", "a") == 0
    assert read_keys(path).owner(key, 0) is None
    assert read_keys(path).by_name == {}
    assert keys("add", "a", "--scope", "read") == 0
    assert capsys.readouterr().out.strip() != key


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add"], "name it: qb keys add NAME"),
        (["add", "b"], "say what the key allows: --scope"),
        (["add", "b", "--scope", "reed"], "'reed' is no scope; allowed are"),
        (["add", "b c", "--scope", "read"], "'b c' is no name of a key"),
        (["add", "a", "--scope", "read"], "there is a key 'a' already"),
        (["add", "b", "--scope", "read", "--expires", "2020-01-01"], "is over already"),
        (["add", "b", "--scope", "read", "--expires", "soon"], "'soon' is neither"),
        (["add", "b", "--scope", "read", "--days", "0"], "--days 0 is not above 0"),
        (["add", "b", "--scope", "read", "--days", "nan"], "--days nan is not above 0"),
        (["add", "b", "--scope", "read", "--days", "1", "--expires", "2999-01-01"], "not both"),
        (["revoke"], "name it: qb keys revoke NAME"),
        (["revoke", "b"], "there is no key 'b' in "),
        (["revoke", "a", "--days", "1"], "takes no --days"),
        (["list", "a"], "takes no name"),
        (["list", "--scope", "read"], "takes no --scope"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    arguments: list[str], told: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told in one line, and no key is shown."""
    keys("add", "a", "--scope", "read")
    before = path.read_bytes()
    capsys.readouterr()
    assert keys(*arguments) == 1
    shown = capsys.readouterr()
    assert told in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_had_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No setting, no folder, no keys file."""
    assert keys("list") == 1
    assert "`qb keys add` makes one" in capsys.readouterr().err
    (tmp_path / "keys.yml").write_text("keys: []", "utf-8")
    assert keys("add", "a", "--scope", "read") == 1
    assert "keys: expected a map" in capsys.readouterr().err
    assert keys("add", "a", "--scope", "read", "--keys-file", str(tmp_path / "no" / "keys.yml")) == 1
    assert "its folder must exist and be yours" in capsys.readouterr().err
    device = tmp_path / "null.yml"
    device.symlink_to("/dev/null")
    assert keys("add", "a", "--scope", "read", "--keys-file", str(device)) == 1
    assert "is no file" in capsys.readouterr().err
    assert device.is_symlink()
    monkeypatch.delenv("QB_KEYS_FILE")
    assert keys("list") == 1
    assert "--keys-file, QB_KEYS_FILE or keys_file" in capsys.readouterr().err


def test_two_who_add_at_once_lose_nothing(path: Path) -> None:
    """Each takes the file as the other has left it; a reader meets a whole one at any moment."""
    done = threading.Event()
    broken: list[Exception] = []

    def read() -> None:
        while not done.is_set():
            try:
                if path.exists():
                    read_keys(path)
            except Exception as error:
                broken.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    adders = [threading.Thread(target=keys, args=("add", f"k{number}", "--scope", "read")) for number in range(8)]
    for one in adders:
        one.start()
    for one in adders:
        one.join(60)
    done.set()
    reader.join(60)
    assert not broken
    assert set(read_keys(path).by_name) == {f"k{number}" for number in range(8)}


def test_who_could_read_the_file_still_can(path: Path) -> None:
    """Its mode is kept, but for who may write; a link stays one."""
    keys("add", "a", "--scope", "read")
    path.chmod(0o664)
    link = path.with_name("link.yml")
    link.symlink_to(path.name)
    assert keys("add", "b", "--scope", "read", "--keys-file", str(link)) == 0
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert set(read_keys(path).by_name) == {"a", "b"}
