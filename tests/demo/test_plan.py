"""What the parts are started with."""

from pathlib import Path

from billing.clock import SimulatedClock
from billing.settings import Settings, load_settings
from qb.cli import SET_BY_DEMO
from qb.demo.demo_run import parts_of
from qb.demo.plan import environment_of, lively, placed, uses_own_kafka, write_settings

CLOCK = SimulatedClock(1_483_228_800_000, 1_800_000_000_000, 87_658.2)


def test_what_nobody_set_is_lively() -> None:
    """More events than the usual ten a second, a month in half a minute."""
    settings = lively(load_settings({}, {}))
    assert (settings.rate, settings.month_seconds, settings.exporter_host) == (300, 30, "localhost")
    assert settings.late_seconds > settings.grace_seconds + settings.out_of_orderness_seconds


def test_what_somebody_set_stays() -> None:
    """Also where it is the usual default."""
    settings = lively(load_settings({"rate": "10"}, {"QB_EXPORTER_HOST": "0.0.0.0", "QB_LATE_SHARE": "0"}))
    assert (settings.rate, settings.exporter_host, settings.late_share) == (10, "0.0.0.0", 0)


def test_senders_correct_themselves_where_they_can() -> None:
    """Not without keys or ids, for then repeats would count."""
    settings = lively(load_settings({}, {}))
    assert min(settings.repeat_share, settings.conflict_share, settings.void_share, settings.replace_share) > 0
    for more in ({"keyed": False}, {"dedup_window_days": 0}):
        plain = lively(load_settings(more, {}))
        assert (plain.repeat_share, plain.conflict_share, plain.void_share, plain.replace_share) == (0, 0, 0, 0)


def test_in_real_time_events_are_out_of_order_as_ever() -> None:
    """Hours of disorder belong to a simulation."""
    settings = lively(load_settings({"month_seconds": 0}, {}))
    assert (settings.out_of_order_seconds, settings.rate) == (60, 300)


def test_ports_left_open_become_real_ones() -> None:
    """They have to be known to all before anything listens."""
    names = ("exporter_port", "processor_port", "invoicer_port", "budgets_port", "notifier_port")
    settings = lively(load_settings(dict.fromkeys(names, 0), {}))
    assert len({getattr(settings, name) for name in names} - {0}) == len(names)


def test_only_parts_with_something_to_do_run() -> None:
    """Without budgets nobody decides them, and without a receiver nobody sends."""
    usual = {"exporter", "invoicer", "processor", "generator"}
    assert parts_of(load_settings({}, {})).keys() == usual
    assert parts_of(lively(load_settings({}, {}))).keys() == {*usual, "budgets"}
    settings = load_settings({"webhook_url": "http://localhost:1/"}, {})
    assert parts_of(settings).keys() == {*usual, "notifier"}


def test_a_named_cluster_is_used() -> None:
    """Also if it is where the demo's own would be."""
    assert uses_own_kafka(load_settings({}, {}))
    assert not uses_own_kafka(load_settings({}, {"QB_BOOTSTRAP_SERVERS": "localhost:9092"}))


def test_the_parts_read_the_same_settings() -> None:
    """Whatever kind of value: the environment carries all, whatever was in it or in a file before."""
    given: dict[str, object] = {
        "kafka": {"sasl.username": "me, myself: I", "socket.timeout.ms": 7_000, "enable.x": True},
        "types": ["CALL", "MISC"],
        "keyed": False,
        "budgets": [{"name": "a-b", "customer": "x, y: *", "amount": "9.90"}, {"name": "c", "count": 3}],
        "webhook_secret": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    }
    settings = placed(lively(load_settings(given, {})), Path("/data"), "here:1", CLOCK)
    environment = environment_of(settings, {"QB_RATE": "7", "QB_CONFIG": "/gone.yaml", "PATH": "/bin"})
    assert load_settings({}, environment) == settings
    assert environment["PATH"] == "/bin"


def test_the_demo_decides_what_its_command_does_not_offer() -> None:
    """Besides the address of Kafka and the speed, which people may give: a flag for the others would be ignored."""
    before = lively(load_settings({}, {}))
    after = placed(before, Path("/data"), "here:1", CLOCK)
    changed = {name for name in Settings.model_fields if getattr(before, name) != getattr(after, name)}
    assert changed == SET_BY_DEMO | {"bootstrap_servers", "simulation_speed"}


def test_other_commands_can_join_in(tmp_path: Path) -> None:
    """The file that the demo leaves for them says the same as the environment of its parts."""
    settings = placed(lively(load_settings({"types": ["CALL", "MISC"]}, {})), Path("/data"), "here:1", CLOCK)
    write_settings(settings, tmp_path / "settings.yaml")
    assert load_settings({}, {}, tmp_path / "settings.yaml") == settings


def test_the_parts_are_placed_in_the_folder() -> None:
    """With the clock they share; in real time with none."""
    settings = placed(Settings(), Path("/data"), "here:1", CLOCK)
    assert (settings.state_dir, settings.output) == (Path("/data/state"), Path("/data/invoices"))
    assert settings.clock == CLOCK
    assert placed(Settings(), Path("/data"), "here:1", None).simulation_speed == 0
