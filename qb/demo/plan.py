"""What the demo starts its parts with: the settings as given, and livelier ones where none were given."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from billing.clock import SimulatedClock
from billing.settings import CONFIG_VARIABLE, ENVIRONMENT_PREFIX, Settings
from broker.ports import free_port
from qb.demo.timeline import speed_of

# For a person who watches; each gives way to a setting from the command line, the environment or a file.
LIVELY: dict[str, object] = {
    "rate": 300,
    "month_seconds": 30,
    "instance": "demo",
    # Nobody but this machine needs to see a demo. `localhost` in both its meanings, as browsers take either.
    "exporter_host": "localhost",
    "customer_series_limit": 20,
    "check_interval_seconds": 0.5,
    "idle_after_seconds": 15,
    # At the usual rate, a month has 9,000 events of some 270,000 euros, and each of ten customers a tenth.
    "budgets": [
        {"name": "everything", "amount": "250000", "thresholds": [50, 80, 100]},
        {"name": "each-customer", "customer": "*", "count": 850, "thresholds": [80, 100]},
    ],
}
# Where a month lasts half a minute, six hours pass in a quarter of a second: events out of order, late ones within the
# days of grace, and a few that come when their month is closed and become adjustments.
SIMULATED: dict[str, object] = {"out_of_order_seconds": 21_600, "late_share": 0.005, "late_seconds": 864_000}
# Senders that repeat and correct themselves, as far as records have keys and ids are known.
CORRECTED: dict[str, object] = {
    "repeat_share": 0.01,
    "conflict_share": 0.001,
    "void_share": 0.002,
    "replace_share": 0.002,
}


def lively(settings: Settings) -> Settings:
    """Return the settings with the demo's defaults in place of the usual ones, and real ports for those left open."""
    defaults = LIVELY | (SIMULATED if speed_of(_changed(settings, LIVELY)) else {})
    if settings.keyed and settings.dedup_window_days:
        defaults |= CORRECTED
    settings = _changed(settings, defaults)
    taken: set[int] = set()
    for name in ("exporter_port", "processor_port", "invoicer_port", "budgets_port", "notifier_port"):
        if getattr(settings, name) == 0:
            taken.add(port := free_port(avoid=taken))
            settings = settings.model_copy(update={name: port})
    return settings


def placed(settings: Settings, folder: Path, bootstrap_servers: str, clock: SimulatedClock | None) -> Settings:
    """Return the settings of a demo that keeps its data in `folder` and its time by `clock`; None is real time."""
    update: dict[str, object] = {
        "bootstrap_servers": bootstrap_servers,
        "state_dir": folder / "state",
        "output": folder / "invoices",
    }
    if clock:
        update |= {
            "simulation_speed": clock.speed,
            "simulation_start_ms": clock.start_ms,
            "simulation_anchor_ms": clock.anchor_ms,
        }
    return settings.model_copy(update=update)


def environment_of(settings: Settings, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which each part reads just these settings."""
    environment = {name: value for name, value in base.items() if name != CONFIG_VARIABLE}
    for name, value in settings.model_dump(mode="json").items():
        environment[ENVIRONMENT_PREFIX + name.upper()] = _written(value)
    return environment


def write_settings(settings: Settings, file: Path) -> None:
    """Write the settings that are not the usual ones, for other commands to join in: ``qb audit --config FILE``."""
    usual = Settings().model_dump(mode="json")
    given = {name: value for name, value in settings.model_dump(mode="json").items() if value != usual[name]}
    # Options of Kafka and webhooks may be secret.
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(yaml.safe_dump(given), "utf-8")


def uses_own_kafka(settings: Settings) -> bool:
    """Say whether no cluster was named, so that the demo starts one."""
    return "bootstrap_servers" not in settings.model_fields_set


def _changed(settings: Settings, defaults: Mapping[str, object]) -> Settings:
    given = settings.model_dump(include=settings.model_fields_set)
    return Settings.model_validate({**defaults, **given})


def _written(value: object) -> str:
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return json.dumps(value)
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else str(value)
