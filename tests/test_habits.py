"""What contributors are told exists: the files, the make targets, and CI that runs what they run."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    """A link within the project names a file that is there."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text(page))
    assert not [link for link in links if not (ROOT / link).exists()]


@pytest.mark.parametrize("page", [*PAGES, ".pre-commit-config.yaml", ".ci/run", ".github/workflows/ci.yml"])
def test_make_targets_exist(page: str) -> None:
    """Whoever is told `make X` can."""
    told = set(re.findall(r"(?:^|`|entry: |run: )make ([a-z-]+)", text(page), re.MULTILINE))
    assert told <= TARGETS


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_named_files_exist(page: str) -> None:
    """A path in backquotes that ends like a file or a folder of ours is one."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text(page))
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_workflow_runs_the_whole_of_ci() -> None:
    """Nothing is checked there that cannot be checked here."""
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    runs = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert [run.split()[-1] for run in runs] == [".ci/run"]


def test_the_hooks_are_the_quick_part_of_check() -> None:
    """Before a commit: everything of `make check` but the tests, and nothing from a network."""
    repositories = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert [one["repo"] for one in repositories] == ["local"]
    assert [hook["entry"] for hook in repositories[0]["hooks"]] == ["make lint", "make types", "make files"]
