"""The builder: what is committed is what it makes, for any set of types and any currency."""

import json
from pathlib import Path

import pytest

from billing.settings import Settings
from grafana.builder.__main__ import FOLDER, render, stale_files, write
from grafana.builder.boards import all_boards, infinity_boards
from tests.grafana.committed import Json
from tests.grafana.test_schema import dashboard_schema, faults

RUN = "run: .venv/bin/python -m grafana.builder"


def test_committed_dashboards_are_current() -> None:
    """The committed files are what the builder makes of the default settings."""
    settings = Settings()
    wanted = render(all_boards(settings), FOLDER / "dashboards")
    wanted |= render(infinity_boards(settings), FOLDER / "infinity" / "dashboards")
    assert not stale_files(wanted), RUN


def test_each_type_has_its_dashboard() -> None:
    """There is one dashboard for each configured type, and three that are always there."""
    names = {f"type-{name}.json" for name in ("message", "data", "call", "pack", "misc")}
    assert all_boards(Settings()).keys() == names | {"management.json", "operations.json", "customer.json"}


def test_a_sixth_type_gives_a_sixth_dashboard() -> None:
    """A new type in the settings has a valid dashboard that asks for nothing but that type."""
    boards = all_boards(Settings(types=("MESSAGE", "DATA", "CALL", "PACK", "MISC", "ROAMING")))
    board = boards["type-roaming.json"]
    assert board["uid"] == "qb-type-ROAMING"
    assert not faults(dashboard_schema(), board)
    assert 'event_type="ROAMING"' in json.dumps(board).replace('\\"', '"')
    assert "MESSAGE" not in json.dumps(board)


def test_the_longest_type_name_fits_a_uid() -> None:
    """Grafana allows a uid 40 characters."""
    name = "A" * 32
    board = all_boards(Settings(types=(name,), default_type=name))[f"type-{name.lower()}.json"]
    assert len(board["uid"]) <= 40


@pytest.mark.parametrize(
    ("currency", "metric", "unit"),
    [
        ("EUR", "billing_subtotal_euros", "currency:financial:€"),
        ("USD", "billing_subtotal_usd", "currency:financial:$"),
        ("XAF", "billing_subtotal_xaf", "currency:financial:FCFA "),
        ("KWD", "billing_subtotal_kwd", "currency:financial:KWD "),
    ],
)
def test_another_currency_has_other_metrics_and_units(currency: str, metric: str, unit: str) -> None:
    """Money is asked for and shown in the deployment's currency."""
    board = all_boards(Settings(currency=currency))["management.json"]
    revenue = next(panel for panel in board["panels"] if panel["title"] == "Revenue this month")
    assert metric in revenue["targets"][0]["expr"]
    assert revenue["fieldConfig"]["defaults"]["unit"] == unit


def test_another_time_zone_is_that_of_the_dashboards() -> None:
    """Months begin where the deployment's months do, wherever the browser is."""
    assert all_boards(Settings(time_zone="Europe/Berlin"))["management.json"]["timezone"] == "Europe/Berlin"
    assert all_boards(Settings())["management.json"]["timezone"] == "utc"


def test_write_makes_mends_and_deletes(tmp_path: Path) -> None:
    """After writing, the folder holds what is wanted and nothing else."""
    (tmp_path / "gone.json").write_text("{}", "utf-8")
    (tmp_path / "changed.json").write_text("{}", "utf-8")
    board: Json = {"title": "a"}
    wanted = render({"changed.json": board, "new.json": board}, tmp_path)

    write(wanted, stale_files(wanted))

    assert {path.name for path in tmp_path.iterdir()} == {"changed.json", "new.json"}
    assert not stale_files(wanted)
