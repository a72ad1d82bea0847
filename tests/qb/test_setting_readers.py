"""The column "read by" of docs/settings.md is what the sources say."""

import pytest

from billing.settings import ALL, Settings, setting_parts
from tests.qb.setting_readers import settings_read_by


@pytest.mark.parametrize("part", ALL)
def test_a_part_reads_the_settings_that_name_it(part: str) -> None:
    """No flag is offered that has no effect, and none is missing that has one."""
    named = {name for name in Settings.model_fields if part in setting_parts(name)}
    assert named == settings_read_by(part)


def test_every_setting_is_read() -> None:
    """A setting that nobody reads would be a promise that nobody keeps."""
    assert set(Settings.model_fields) == {name for part in ALL for name in settings_read_by(part)}
