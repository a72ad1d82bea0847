"""A command that a test runs as a process, with its settings in a file; it is killed at the end if it still runs."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from billing.settings import ENVIRONMENT_PREFIX, Settings
from tests.forking import start_process


@contextmanager
def running(
    settings: Settings,
    folder: Path,
    command: str,
    *arguments: str,
    module: str = "qb",
    variables: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[str]"]:
    """Run ``qb COMMAND`` with these settings and no others; what it says comes through its `stdout`.

    Args:
        settings: written to COMMAND.yaml.
        folder: where that file goes.
        command: the subcommand.
        arguments: its own flags.
        module: what is run in place of `qb`.
        variables: more of the environment.
    """
    config = folder / f"{command}.yaml"
    config.write_text(settings.model_dump_json(), encoding="utf-8")
    process = start_process(
        module,
        command,
        "--config",
        str(config),
        *arguments,
        environment={**_without_settings(os.environ), **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment less what would win over a settings file."""
    return {name: value for name, value in environment.items() if not name.startswith(ENVIRONMENT_PREFIX)}
