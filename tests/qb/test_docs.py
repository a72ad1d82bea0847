"""The page about settings is made from the settings."""

from billing.settings import Settings
from qb.cli import COMMANDS
from qb.docs import SETTINGS_PAGE, TOPICS_PAGE, render_settings
from qb.topics.page import render_topics


def test_the_page_of_settings_is_up_to_date() -> None:
    """docs/settings.md is what the model and the table of commands say now."""
    assert SETTINGS_PAGE.read_text(encoding="utf-8") == render_settings(), "stale: run `python -m qb.docs`"


def test_the_page_of_topics_is_up_to_date() -> None:
    """docs/topics.md is what the rules say now."""
    assert TOPICS_PAGE.read_text(encoding="utf-8") == render_topics(), "stale: run `python -m qb.docs`"


def test_the_page_has_every_setting_and_flag() -> None:
    """Nothing that can be set is left out."""
    page = render_settings()
    for name in Settings.model_fields:
        assert f"| `{name}` |" in page
    for command in COMMANDS:
        for flag, options in command.arguments.items():
            shown = flag if flag.startswith("-") else options["metavar"]
            assert f"| `qb {command.name}` | `{shown}" in page


def test_the_page_says_what_is_allowed() -> None:
    """Limits come from the model."""
    rows = {row.split("`")[1]: row for row in render_settings().splitlines() if row.startswith("| `")}
    assert "| whole number, at least 0, at most 65,535 |" in rows["exporter_port"]
    assert "| above 0, at most 60 |" in rows["commit_interval_seconds"]
    assert "| `DEBUG`, `INFO`, `WARNING`, `ERROR` |" in rows["log_level"]
