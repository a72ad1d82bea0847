"""Writes what of the documentation is made from the model, the commands and the rules: ``python -m qb.docs``.

These are docs/settings.md, docs/topics.md and the table of rights in docs/security.md.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from billing.settings import ALL, Settings, setting_parts
from qb.cli import COMMANDS
from qb.topics.acls_page import with_rights
from qb.topics.page import render_topics

SETTINGS_PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
TOPICS_PAGE = SETTINGS_PAGE.with_name("topics.md")
SECURITY_PAGE = SETTINGS_PAGE.with_name("security.md")

INTRODUCTION = """\
<!-- Made from billing/settings.py and qb/cli.py by `python -m qb.docs`: change those and run it again. -->
# Settings

Every setting has one name. It can come from four sources; a later source overrides an earlier one:

1. its default,
2. a YAML file, named by `--config FILE` or the variable `QB_CONFIG`: `exporter_port: 8081`,
3. the environment, as `QB_` and the name in upper case: `QB_EXPORTER_PORT=8081`,
4. the command line, with dashes: `--exporter-port 8081`. A command has a flag for each setting that it
   reads. `qb demo` passes settings on to its parts, so it has a flag for nearly all of them.

Outside YAML, separate the items of a list with commas (`QB_TYPES=CALL,MISC`) and write a map as YAML
(`QB_KAFKA='{security.protocol: SASL_SSL}'`). `--check-config` checks all sources, prints the settings in force with
secrets masked, and stops. If a value is not allowed, the command ends with exit code 2 and prints one line per fault.

| setting | default | allowed | read by | meaning |
|---|---|---|---|---|
"""

FLAGS = """
## Flags of single commands

Every command has `--help`, `--config`, `--check-config` and the flags of its settings. These have more:

| command | flag | meaning |
|---|---|---|
"""

_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}


def render_settings() -> str:
    """Return the page about settings and flags as Markdown."""
    return INTRODUCTION + "".join(_setting_rows()) + FLAGS + "".join(_flag_rows())


def _setting_rows() -> Iterator[str]:
    schema = Settings.model_json_schema()["properties"]
    for name, field in Settings.model_fields.items():
        parts = setting_parts(name)
        readers = "all" if set(parts) == set(ALL) else ", ".join(parts)
        meaning = str(field.description).replace("|", "\\|")
        yield f"| `{name}` | {_shown(field.default)} | {_allowed(schema[name])} | {readers} | {meaning} |\n"


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        default = ",".join(default)
    return f"`{default}`" if default not in ("", {}) else ""


def _allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    limits = [text.format(f"{schema[key]:,}".removesuffix(".0")) for key, text in _LIMITS.items() if key in schema]
    if schema.get("type") == "boolean":
        limits = ["`true`, `false`"]
    if schema.get("type") == "integer":
        limits.insert(0, "whole number")
    return ", ".join(limits)


def _flag_rows() -> Iterator[str]:
    for command in COMMANDS:
        for flag, options in command.arguments.items():
            value = str(options.get("metavar", ""))
            shown = f"{flag} {value}".strip() if flag.startswith("-") else value
            yield f"| `qb {command.name}` | `{shown}` | {options['help'] % options} |\n"


if __name__ == "__main__":
    security = with_rights(SECURITY_PAGE.read_text(encoding="utf-8"))
    for page, text in ((SETTINGS_PAGE, render_settings()), (TOPICS_PAGE, render_topics()), (SECURITY_PAGE, security)):
        page.write_text(text, encoding="utf-8")
        print(f"written: {page}")
