"""Prometheus' own tool on our configuration, rules and their unit tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "prometheus"

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed; on Debian: apt install prometheus"
)


def promtool(*arguments: str | Path) -> None:
    """Run promtool and fail with what it says."""
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.local.yml"])
def test_config_is_valid(name: str) -> None:
    """Prometheus accepts the configuration, the rule files it names included."""
    promtool("check", "config", FOLDER / name)


def test_rules_pass_every_lint() -> None:
    """The rules are valid and pass all of promtool's lints."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(FOLDER.glob("rules/*.yml")))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("tests/*.test.yml")), ids=lambda path: path.name)
def test_unit_tests_pass(path: Path) -> None:
    """The alerts fire and stay silent as their unit tests say."""
    promtool("test", "rules", path)
