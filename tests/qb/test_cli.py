"""The command line: a map of what there is, flags made from settings, exit codes."""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from billing.errors import OperatorError
from billing.settings import Settings
from qb import cli
from tests.forking import run_process

NAMES = [command.name for command in cli.COMMANDS]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands in for any part: keeps what it was run with; `result` is returned or raised."""
    stub = SimpleNamespace(result=0, settings=None, arguments=None)

    def run(settings: Settings, arguments: argparse.Namespace) -> int:
        stub.settings, stub.arguments = settings, arguments
        if isinstance(stub.result, BaseException):
            raise stub.result
        return int(stub.result)

    monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(run=run))
    monkeypatch.setattr(cli, "configure_logging", lambda *_: None)
    monkeypatch.delenv("QB_CONFIG", raising=False)
    return stub


def test_help_reads_like_a_map(capsys: pytest.CaptureFixture[str]) -> None:
    """`qb --help` names every command with what it is for."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert stopped.value.code == 0
    for command in cli.COMMANDS:
        assert f"{command.name} {command.help}" in shown


@pytest.mark.parametrize("name", NAMES)
def test_each_command_helps_with_its_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`qb COMMAND --help` shows a flag for each setting that the part reads, and for no other."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    words = capsys.readouterr().out.split()
    assert stopped.value.code == 0
    for setting in Settings.model_fields:
        flag = f"--{setting.replace('_', '-')}"
        assert (flag in words) == cli.is_offered(name, setting), flag


@pytest.mark.parametrize("setting", sorted(set(Settings.model_fields) - cli.SET_BY_DEMO))
def test_the_demo_takes_every_setting_that_it_does_not_decide(setting: str, part: SimpleNamespace) -> None:
    """`qb demo --late-share 0.1` is what the generator then reads; any other setting works the same way."""
    usual = getattr(Settings(), setting)
    text = ",".join(usual) if isinstance(usual, tuple) else str(usual)
    assert cli.main(["demo", f"--{setting.replace('_', '-')}", text]) == 0
    assert setting in part.settings.model_fields_set


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """`qb --version` tells it."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"qb {version('queryable-billing')}\n")


def test_flags_reach_the_part(part: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag of a setting wins over the environment; a flag of the command alone is in its arguments."""
    monkeypatch.setenv("QB_BOOTSTRAP_SERVERS", "elsewhere:1")
    monkeypatch.setenv("QB_CURRENCY", "CHF")
    assert cli.main(["export", "--standalone", "--bootstrap-servers", "here:2", "--exporter-port", "0"]) == 0
    assert part.arguments.standalone
    assert (part.settings.bootstrap_servers, part.settings.currency, part.settings.exporter_port) == (
        "here:2",
        "CHF",
        0,
    )


def test_the_config_flag_names_a_file(part: SimpleNamespace, tmp_path: Path) -> None:
    """Settings of the YAML file reach the part."""
    (tmp_path / "qb.yaml").write_text("currency: SEK\n")
    assert cli.main(["process", "--config", str(tmp_path / "qb.yaml")]) == 0
    assert part.settings.currency == "SEK"


def test_the_part_s_exit_code_is_passed_on(part: SimpleNamespace) -> None:
    """What a part returns, the command returns."""
    part.result = 1
    assert cli.main(["audit"]) == 1


def test_an_error_for_the_operator_is_a_line_and_code_1(
    part: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: what is wrong and what to do."""
    part.result = OperatorError("the broker is away: start it")
    assert cli.main(["process"]) == 1
    assert capsys.readouterr() == ("", "qb: the broker is away: start it\n")


def test_ctrl_c_before_a_part_is_ready_is_quiet(part: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """The shell's code for an interrupt, and no traceback."""
    part.result = KeyboardInterrupt()
    assert cli.main(["generate"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["process", "--check-config"], cli.EXIT_READER_LEFT), (["export", "--help"], 0), (["--version"], 0)],
)
def test_a_reader_that_leaves_ends_a_command_quietly(arguments: list[str], code: int) -> None:
    """As `| head` does: nothing is said of it, and the exit code tells it, but of what argparse prints."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "qb", *arguments]
    with os.fdopen(write_end, "wb") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, b"")


def test_another_broken_pipe_is_not_hidden(part: SimpleNamespace) -> None:
    """One that has nothing to do with the output is an error like any other."""
    part.result = BrokenPipeError("a socket")
    with pytest.raises(BrokenPipeError):
        cli.main(["generate"])


def test_a_bug_is_not_hidden(part: SimpleNamespace) -> None:
    """Anything else passes through with its traceback."""
    part.result = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        cli.main(["generate"])


def test_bad_settings_are_code_2_and_run_nothing(part: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """All faults at once, a line each, named with their flag's setting."""
    assert cli.main(["generate", "--rate", "fast", "--time-zone", "Mars"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split(" = ")[0] for line in lines) == ["qb: rate", "qb: time_zone"]
    assert part.settings is None


@pytest.mark.parametrize("argv", [[], ["fly"], ["generate", "--no-such-flag"], ["process", "--exporter-port", "1"]])
def test_a_wrong_command_line_is_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A flag of another part is wrong too."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
    assert "usage: qb" in capsys.readouterr().err


def test_check_config_shows_the_settings_and_runs_nothing(
    part: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """The settings in force come as JSON that can be read back, secrets masked."""
    assert cli.main(["process", "--check-config", "--kafka", "{sasl.password: hunter2}", "--types", "A,MISC"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert part.settings is None
    assert set(shown) == set(Settings.model_fields)
    assert shown["types"] == ["A", "MISC"]
    assert shown["kafka"] == {"sasl.password": "***"}


def test_check_config_finds_faults(part: SimpleNamespace) -> None:
    """A flag that only validates is of use in a pipeline."""
    assert cli.main(["export", "--check-config", "--currency", "Euro"]) == 2


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *((command, "sasl.usernme: me") for command in ("generate", "process", "export", "invoice", "audit")),
        ("process", "security.protocol: SASLSSL"),
    ],
)
def test_a_kafka_option_that_the_client_refuses_is_told_in_one_line(command: str, option: str) -> None:
    """librdkafka knows its options best; what it says comes without a traceback, and nothing starts."""
    flags = ("--kafka", f"{{{option}}}", "--bootstrap-servers", "localhost:1")
    done = run_process("qb", command, *flags, environment=os.environ)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last_line = done.stderr.splitlines()[-1]
    assert last_line.startswith("qb: kafka: ")
    assert option.split(":")[0] in last_line


def test_help_is_quick_and_needs_no_kafka() -> None:
    """Asking for help loads no part: it takes a fraction of what starting one does."""
    listing = "import sys; sys.argv = ['qb', '--help']\nimport qb.cli\ntry: qb.cli.main()\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            listing + "print([m for m in ('quixstreams', 'numba', 'aiohttp') if m in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_qb_is_the_command() -> None:
    """`python -m qb` works where the script is not on the path."""
    done = subprocess.run([sys.executable, "-m", "qb", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"qb {version('queryable-billing')}\n")
