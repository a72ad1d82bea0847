"""Settings: sources in order, and faults that name themselves."""

import re
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from billing.clock import SimulatedClock, SystemClock
from billing.event import EventRules
from billing.settings import (
    EVENT_FORMATS,
    Part,
    Settings,
    SettingsError,
    describe_settings,
    load_settings,
    setting_parts,
    unknown_variables,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_are_good() -> None:
    """Nothing needs to be set."""
    settings = load_settings({}, {})
    assert settings.bootstrap_servers == "localhost:9092"
    assert settings.types == ("MESSAGE", "DATA", "CALL", "PACK", "MISC")
    assert settings.instance


def test_each_later_source_wins(tmp_path: Path) -> None:
    """Default, then file, then environment, then flag."""
    config = write(tmp_path / "qb.yaml", "currency: CHF\ntime_zone: Europe/Zurich\nexporter_port: 1\n")
    environment = {"QB_TIME_ZONE": "Europe/Berlin", "QB_EXPORTER_PORT": "2"}
    settings = load_settings({"exporter_port": "3"}, environment, config)
    assert (settings.default_type, settings.currency, settings.time_zone, settings.exporter_port) == (
        "MISC",
        "CHF",
        "Europe/Berlin",
        3,
    )


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    """QB_CONFIG names it, and --config wins over that."""
    one = write(tmp_path / "one.yaml", "currency: CHF")
    two = write(tmp_path / "two.yaml", "currency: USD")
    assert load_settings({}, {"QB_CONFIG": str(one)}).currency == "CHF"
    assert load_settings({}, {"QB_CONFIG": str(one)}, two).currency == "USD"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment given, the process's own is read."""
    monkeypatch.setenv("QB_CURRENCY", "SEK")
    assert load_settings().currency == "SEK"


def test_variables_of_others_are_left_alone() -> None:
    """A variable with the prefix that names no setting belongs to somebody else."""
    assert load_settings({}, {"QB_NO_SUCH": "1", "HOME": "/"}) == load_settings({}, {})


def test_lists_are_comma_separated_outside_yaml(tmp_path: Path) -> None:
    """A list reads the same from a flag, the environment and a file."""
    config = write(tmp_path / "qb.yaml", "types: [SMS, MISC]")
    for settings in (
        load_settings({"types": "SMS, MISC"}, {}),
        load_settings({}, {"QB_TYPES": "SMS,MISC"}),
        load_settings({}, {}, config),
    ):
        assert settings.types == ("SMS", "MISC")


def test_kafka_options_are_a_map(tmp_path: Path) -> None:
    """Options for librdkafka keep their types from YAML, wherever they come from."""
    config = write(tmp_path / "qb.yaml", "kafka:\n  sasl.username: me\n  socket.timeout.ms: 5\n")
    expected = {"sasl.username": "me", "socket.timeout.ms": 5}
    assert load_settings({}, {}, config).kafka == expected
    assert load_settings({}, {"QB_KAFKA": "{sasl.username: me, socket.timeout.ms: 5}"}).kafka == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("time_zone", "Berlin", "not an IANA time zone"),
        ("time_zone", "../etc/passwd", "not an IANA time zone"),
        ("time_zone", "", "not an IANA time zone"),
        ("currency", "Euro", "pattern"),
        ("types", "", "at least one type is needed"),
        ("types", "MISC,misc", "no type name"),
        ("types", "MISC,MISC", "named twice"),
        ("input_topic", "a b", "not a topic name"),
        ("subtotals_topic", "", "at least 1 character"),
        ("instance", "a b", "are allowed"),
        ("commit_interval_seconds", "0", "greater than 0"),
        ("commit_interval_seconds", "nan", "finite number"),
        ("rate", "inf", "finite number"),
        ("rate", "fast", "valid number"),
        ("exporter_port", "65536", "less than or equal to 65535"),
        ("exporter_port", "80.5", "valid integer"),
        ("input_partitions", "0", "greater than or equal to 1"),
        ("max_future_seconds", "-1", "greater than or equal to 0"),
        ("max_future_seconds", "1e12", "less than or equal to"),
        ("malformed_share", "1.1", "less than or equal to 1"),
        ("formats", "xml", ", ".join(EVENT_FORMATS)),
        ("formats", "", ", ".join(EVENT_FORMATS)),
        ("keyed", "perhaps", "valid boolean"),
        ("log_level", "LOUD", "'DEBUG'"),
        ("simulation_start_ms", "-5", "greater than or equal to 0"),
    ],
)
def test_a_bad_value_names_itself(name: str, value: str, message: str) -> None:
    """The fault shows the setting, its value, where it came from and what is allowed."""
    with pytest.raises(SettingsError) as fault:
        load_settings({name: value}, {})
    (line,) = str(fault.value).splitlines()
    assert line.startswith(f"{name} = {value!r} (on the command line): ")
    assert message in line


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[hunter2]", "kafka (on the command line): input should be a valid dictionary"),
        ("{hunter2: [hunter2", "kafka (on the command line): not a YAML map; for example {sasl.username: me}"),
        ("{sasl.password: [hunter2]}", "kafka.sasl.password (on the command line): input should be a valid string"),
    ],
)
def test_a_fault_in_the_kafka_options_shows_no_secret(value: str, message: str) -> None:
    """The fault names the option and leaves its value out."""
    with pytest.raises(SettingsError) as fault:
        load_settings({"kafka": value}, {})
    assert str(fault.value).splitlines()[0] == message
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("isolation.level", "read_uncommitted", "totals would not be exact"),
        ("auto.commit.enable", "true", "totals would not be exact"),
        ("enable.idempotence", "false", "totals would not be exact"),
        ("transactional.id", "mine", "set `instance`"),
        ("group.id", "mine", "set `consumer_group`"),
        ("metadata.broker.list", "elsewhere:9092", "set `bootstrap_servers`"),
    ],
)
def test_kafka_options_cannot_undo_what_exactness_rests_on(option: str, value: str, advice: str) -> None:
    """Options that the parts set themselves are refused, with what to do instead; others beside them pass."""
    with pytest.raises(SettingsError) as fault:
        load_settings({"kafka": f"{{{option}: {value}, socket.timeout.ms: 5}}"}, {})
    (line,) = str(fault.value).splitlines()
    assert line.startswith(f"kafka (on the command line): {option} is not allowed here: ")
    assert advice in line


def test_described_settings_show_no_secret() -> None:
    """What is printed can be pasted into a report."""
    kafka = {"sasl.username": "me", "sasl.password": "hunter2", "ssl.key.pem": "hunter2", "socket.timeout.ms": 5}
    described = describe_settings(load_settings({"kafka": kafka, "currency": "CHF"}, {}))
    assert described["kafka"] == {
        "sasl.username": "me",
        "sasl.password": "***",
        "ssl.key.pem": "***",
        "socket.timeout.ms": 5,
    }
    assert described["currency"] == "CHF"


def test_an_empty_variable_is_an_empty_list() -> None:
    """What a demo or a compose file passes on for a list with nothing in it, not a list of one empty name."""
    assert load_settings({}, {"QB_ALLOWED_HOSTS": ""}).allowed_hosts == ()
    assert load_settings({"allowed_hosts": " "}, {}).allowed_hosts == ()


def test_an_empty_variable_means_no_kafka_options() -> None:
    """What a compose file passes on when it is not set."""
    assert load_settings({}, {"QB_KAFKA": ""}).kafka == {}


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    """Three bad values from three sources are three lines, each with its origin."""
    config = write(tmp_path / "qb.yaml", "currency: Euro")
    with pytest.raises(SettingsError) as fault:
        load_settings({"rate": "x"}, {"QB_TIME_ZONE": "Mars"}, config)
    lines = str(fault.value).splitlines()
    assert len(lines) == 3
    assert {line.split(" = ")[0] for line in lines} == {"currency", "time_zone", "rate"}
    assert sorted(line[line.index("(") + 1 : line.index(")")] for line in lines) == [
        f"in {config}",
        "in the environment",
        "on the command line",
    ]


def test_settings_that_contradict_each_other_are_refused() -> None:
    """The default type must be one of the types; a history needs an end."""
    with pytest.raises(SettingsError, match="default_type 'MISC' is not one of the types SMS"):
        load_settings({"types": "SMS"}, {})
    with pytest.raises(SettingsError, match="set `events`"):
        load_settings({"history_days": 3}, {})


def test_an_unknown_name_in_a_file_is_refused(tmp_path: Path) -> None:
    """A misspelt setting does not go unnoticed."""
    config = write(tmp_path / "qb.yaml", "currencies: EUR")
    with pytest.raises(SettingsError, match=r"currencies \(in .*qb.yaml\): there is no such setting"):
        load_settings({}, {}, config)


@pytest.mark.parametrize(
    ("text", "message"), [("- a\n- b\n", "expected a map"), ("a: [", "not YAML"), ("a: \x00", "not YAML")]
)
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file and fits on a line."""
    with pytest.raises(SettingsError, match=message) as fault:
        load_settings({}, {}, write(tmp_path / "qb.yaml", text))
    assert "qb.yaml" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file asked for must be there."""
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: No such file"):
        load_settings({}, {}, tmp_path / "nowhere.yaml")


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    """A file of comments is fine."""
    assert load_settings({}, {}, write(tmp_path / "qb.yaml", "# nothing yet\n")) == load_settings({}, {})


def test_the_clock_is_real_unless_a_simulation_is_named() -> None:
    """The three numbers of a simulation make its clock."""
    assert load_settings({}, {}).clock == SystemClock()
    named = {"simulation_speed": 2, "simulation_start_ms": 3, "simulation_anchor_ms": 4}
    assert load_settings(named, {}).clock == SimulatedClock(start_ms=3, anchor_ms=4, speed=2)


def test_the_rules_of_events_come_from_the_settings() -> None:
    """Types, default, size and future reach the decoder in its own units."""
    named = {"types": "SMS,FAX", "default_type": "FAX", "max_event_bytes": 100, "max_future_seconds": 1.5}
    assert load_settings(named, {}).event_rules == EventRules(("SMS", "FAX"), "FAX", 100, 1_500)


def test_every_setting_is_documented() -> None:
    """Each says in one line what it means, and which parts read it."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description
        assert set(setting_parts(name)) <= set(get_args(Part)), name


def test_the_earliest_event_time_is_a_date_or_a_time() -> None:
    """A date is its midnight in UTC, and YAML's own dates are taken too."""
    for text, at_ms in (("2017-01-01", 1_483_228_800_000), ("2017-01-01T01:00:00+01:00", 1_483_228_800_000)):
        assert load_settings({"min_event_time": text}, {}).event_rules.min_event_ms == at_ms
    assert load_settings({"min_event_time": date(2017, 1, 1)}, {}).event_rules.min_event_ms == 1_483_228_800_000
    for text in ("2017-13-01", "1969-12-31", "yesterday", "2017-01-01T00:00:00"):
        with pytest.raises(SettingsError, match="not a date or RFC 3339 time"):
            load_settings({"min_event_time": text}, {})


CANARY = "canary-9f3"
SECRETS = {
    "sasl.password": CANARY, "ssl.key.password": CANARY, "ssl.keystore.password": CANARY, "ssl.key.pem": CANARY,
    "sasl.oauthbearer.config": f"secret={CANARY}", "sasl.oauthbearer.client.secret": CANARY,
    "sasl.oauthbearer.assertion.private.key.passphrase": CANARY, "sasl.oauthbearer.assertion.private.key.pem": CANARY,
    "ssl.certificate.pem": CANARY, "sasl.oauthbearer.token.endpoint.url": f"https://me:{CANARY}@idp.example/token",
}  # fmt: skip


def test_no_secret_is_described() -> None:
    """Passwords, passphrases, keys and tokens of librdkafka, and what stands before the host of a URL."""
    described = str(describe_settings(load_settings({"kafka": SECRETS}, {})))
    assert CANARY not in described
    assert "idp.example/token" in described


@pytest.mark.parametrize(
    "text",
    [f"kafka: {{sasl.password: {CANARY}", f"kafka:\n  sasl.password: '{CANARY}\n", f"a: b: {CANARY}", f"a: *{CANARY}",
     f"a: !{CANARY} x", f"\tsasl.password: {CANARY}", f"kafka:\n sasl.password: {CANARY}\n  x: 1", f"- {CANARY}\nb: 1"],
)  # fmt: skip
def test_a_yaml_error_does_not_show_the_line(tmp_path: Path, text: str) -> None:
    """It names the place; a password may stand in the line."""
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {}, tmp_path / "settings.yaml")
    assert CANARY not in str(caught.value)
    assert re.search(r"settings\.yaml, line \d+, column \d+: not YAML: \w", str(caught.value))


@pytest.mark.parametrize("name", ["prometheus_url", "grafana_url"])
@pytest.mark.parametrize("url", [f"http://me:{CANARY}@grafana.example", "javascript:alert(1)", "grafana.example"])
def test_a_link_that_people_must_not_be_sent_is_refused(name: str, url: str) -> None:
    """It goes out to every browser."""
    with pytest.raises(SettingsError, match=f"^{name} = ") as caught:
        load_settings({name: url}, {})
    assert CANARY not in str(caught.value)


def test_what_kubernetes_sets_is_explained() -> None:
    """A service called qb-exporter gives each pod a variable that looks like a setting."""
    with pytest.raises(SettingsError, match=r"QB_EXPORTER_PORT|exporter_port = 'tcp://.*enableServiceLinks: false"):
        load_settings({}, {"QB_EXPORTER_PORT": "tcp://10.0.0.1:8080"})


def test_variables_that_name_no_setting_are_told() -> None:
    """A misspelt one has no effect, and says nothing otherwise."""
    links = {"QB_EXPORTER_SERVICE_HOST": "10.0.0.1", "QB_EXPORTER_PORT_8080_TCP_ADDR": "10.0.0.1"}
    ours = {"QB_EXPORTR_PORT": "1", "QB_TYPES": "A", "QB_CONFIG": "x", "PATH": "/"}
    assert unknown_variables({**ours, **links}) == {
        "QB_EXPORTR_PORT": "QB_EXPORTER_PORT",
        "QB_EXPORTER_SERVICE_HOST": "Kubernetes sets it for a service",
        "QB_EXPORTER_PORT_8080_TCP_ADDR": "Kubernetes sets it for a service",
    }
