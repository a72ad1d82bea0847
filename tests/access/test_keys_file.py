"""The keys file is read again when it changes; a bad new one keeps the old."""

import asyncio
import logging
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from billing.access.keys import Key, Keys, format_keys
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, new_key
from billing.clock import FixedClock
from billing.errors import OperatorError
from billing.runtime.access.access import make_access
from billing.runtime.access.gate import Gate, NotAuthenticatedError
from billing.runtime.access.keys_editing import KeysEditor
from billing.runtime.access.keys_file import BearerKeys, KeysFile, read_keys, show_keys
from billing.runtime.part_server import Listening, part_served
from billing.settings import Settings
from qb.cli import main
from tests.exporter.client import Client

NOW_MS = 1_800_000_000_000
FIRST, SECOND = new_key(), new_key()


class Deployment:
    """A keys file, who takes its keys, and a clock that is set by hand.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FixedClock(NOW_MS)
        self.give(first=FIRST)
        self.file = KeysFile(path)
        self.keys = BearerKeys(lambda: self.file.keys, self.clock)
        self.registry = CollectorRegistry()
        show_keys(self.registry, self.file, self.clock)

    def give(self, **texts: str) -> None:
        """Put these keys into the file, as an editor does: in the place of what was there."""
        keys = Keys(Key(hash_of(text), Principal.of(name, ["read"]), 0, NOW_MS + 9_000) for name, text in texts.items())
        self.write(format_keys(keys))

    def write(self, text: str) -> None:
        """Put a text into the file."""
        new = self.path.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.chmod(0o600)
        new.replace(self.path)

    def pass_time(self) -> None:
        """Let the file be looked at as often as a change takes to be seen."""
        self.file.refresh()
        self.file.refresh()

    def name(self, credentials: str, scheme: str = "bearer") -> str | None:
        """Return who has a key."""
        who = asyncio.run(self.keys.authenticate(scheme, credentials, ""))
        return None if who is None else who.name

    def metric(self, name: str) -> float | None:
        """Return the value of a metric."""
        return self.registry.get_sample_value(name)


@pytest.fixture(name="deployment")
def deployment_fixture(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path / "keys.yml")


def test_a_key_is_taken_as_a_bearer_alone(deployment: Deployment) -> None:
    """In no other scheme, and only while it is valid."""
    assert deployment.name(FIRST) == "first"
    assert deployment.name(FIRST, "basic") is None
    assert deployment.name(SECOND) is None
    assert deployment.metric("billing_access_keys") == 1
    deployment.clock.time_ms += 9_000
    assert deployment.name(FIRST) is None
    assert deployment.metric("billing_access_keys") == 0


def test_a_change_is_seen(deployment: Deployment) -> None:
    """Once the file has stayed the same between two looks: it may be half written."""
    deployment.give(second=SECOND)
    deployment.file.refresh()
    assert deployment.name(FIRST) == "first"
    deployment.pass_time()
    assert (deployment.name(FIRST), deployment.name(SECOND)) == (None, "second")


@pytest.mark.parametrize("text", ["keys: [", "keys: {a: {}}", "key: {}", "\x00"])
def test_a_bad_new_file_keeps_the_old(deployment: Deployment, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """It says so once, in the log and for as long as it lasts in the metric."""
    deployment.write(text)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            deployment.pass_time()
            assert deployment.name(FIRST) == "first"
    assert caplog.text.count("keys file not taken") == 1
    assert str(deployment.path) in caplog.text
    assert deployment.metric("billing_access_keys_last_reload_successful") == 0
    deployment.give(second=SECOND)
    deployment.pass_time()
    assert (deployment.name(FIRST), deployment.name(SECOND)) == (None, "second")
    assert deployment.metric("billing_access_keys_last_reload_successful") == 1


def test_a_file_that_is_gone_keeps_the_old(deployment: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    """Until there is one again."""
    deployment.path.unlink()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            deployment.pass_time()
            assert deployment.name(FIRST) == "first"
    assert caplog.text.count("No such file") == 1
    deployment.give(first=FIRST)
    deployment.pass_time()
    assert deployment.name(FIRST) == "first"
    assert deployment.metric("billing_access_keys_last_reload_successful") == 1


def test_a_start_without_the_file_stops(tmp_path: Path) -> None:
    """A misspelt name would otherwise let nobody in, and nobody would know why."""
    with pytest.raises(OperatorError, match=r"cannot read .*nope.yml \(keys_file\): No such file.*qb keys add"):
        KeysFile(tmp_path / "nope.yml")
    (tmp_path / "bad.yml").write_bytes(b"keys: {a: \xff}")
    with pytest.raises(OperatorError, match=r"bad.yml \(keys_file\): not UTF-8"):
        KeysFile(tmp_path / "bad.yml")


def test_the_check_of_the_settings_reads_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a bad one is told before a part is started again with it."""
    path = tmp_path / "keys.yml"
    for text, code in (("keys: {}", 0), ("keys: [", 2)):
        path.write_text(text, "utf-8")
        assert main(["process", "--check-config", "--keys-file", str(path)]) == code
    shown = capsys.readouterr()
    assert shown.err == f"qb: {path} (keys_file): line 1, column 8: not YAML\n"
    assert shown.out.count('"keys_file"') == 1


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, False), (0o660, True), (0o602, True)])
def test_a_file_that_others_write_is_warned_of(
    tmp_path: Path, mode: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """They could give themselves keys; who reads it gets none."""
    path = tmp_path / "keys.yml"
    path.write_text("keys: {}", "utf-8")
    path.chmod(mode)
    with caplog.at_level(logging.WARNING):
        read_keys(path)
    assert ("others may write the keys file" in caplog.text) == warned


def test_a_part_takes_keys_until_they_are_revoked(tmp_path: Path) -> None:
    """By the setting alone: who may scrape does, a customer does not, and what is taken back is refused soon."""
    path, registry = tmp_path / "keys.yml", CollectorRegistry()
    editor = KeysEditor(path)
    editor.add(Key(hash_of(FIRST), Principal.of("first", ["metrics"])))
    editor.add(Key(hash_of(SECOND), Principal.of("second", ["customer:Bob"])))
    access = make_access(Settings(keys_file=str(path)), registry)
    assert access.is_controlled
    with part_served(registry, list, Listening("processor", "127.0.0.1", 0), access) as port:

        def status(key: str | None) -> int:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            return Client(port).request("GET", "/metrics", headers=headers).status

        assert [status(FIRST), status(SECOND), status(new_key()), status(None)] == [200, 403, 401, 401]
        editor.remove("first")
        deadline = time.monotonic() + 60
        while status(FIRST) == 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert [status(FIRST), status(SECOND)] == [401, 403]
    with pytest.raises(OperatorError, match=r"nope.yml \(keys_file\)"):
        make_access(Settings(keys_file=str(tmp_path / "nope.yml")), CollectorRegistry())


def test_the_gate_takes_keys(deployment: Deployment) -> None:
    """And says that it does to whoever has none."""
    gate = Gate([deployment.keys])
    assert asyncio.run(gate.principal(f"Bearer {FIRST}")).name == "first"
    with pytest.raises(NotAuthenticatedError) as refused:
        asyncio.run(gate.principal(None))
    assert refused.value.challenges == ('Bearer realm="billing"',)
