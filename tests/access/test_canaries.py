"""Secrets are shown nowhere: each place where one can be given gets one, and all that all commands say is searched."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from billing.masking import MASK, masked_option, masker, secrets_of_options
from billing.settings import Settings, SettingsError, describe_settings, is_secret, load_settings, secrets_in
from qb.cli import COMMANDS, is_offered, main
from qb.demo.plan import environment_of, write_settings
from tests.access.forked import ForkedQb

CANARY = "canary9f3e"
# A webhook's secret is base64.
WEBHOOK_CANARY = "whsec_Y2FuYXJ5OWYzZWNhbmFyeTlmM2VjYW5hcnk5"
# Options of librdkafka that hold a secret, each with a value that the client takes.
SECRET_OPTIONS = {
    "sasl.password": CANARY,
    "ssl.key.password": CANARY,
    "ssl.keystore.password": CANARY,
    "ssl.key.pem": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    "sasl.oauthbearer.config": f"principal={CANARY}",
    "sasl.oauthbearer.client.secret": CANARY,
    "sasl.oauthbearer.assertion.private.key.pem": CANARY,
    "sasl.oauthbearer.assertion.private.key.passphrase": CANARY,
}
# What may be in the name of a setting that holds a secret; a file's name is none.
SOUNDS_SECRET = re.compile(r"secret|passw|token|credential|(^|_)keys?(_|$)|private|auth")
NO_SECRETS = re.compile(
    r"_file$|_url$|_issuer$|_audience$|_claim$|_scopes?$|_seconds$|_algorithms?$|_jwks$|^web_config"
)
# Each says something about what it was given: a value of the wrong form, or one that is refused.
REFUSED_VALUES = {
    "webhook_secret": [CANARY, f"whsec_{CANARY}!", f"{WEBHOOK_CANARY},{CANARY}"],
    "kafka": [
        f"{{sasl.password: [{CANARY}]}}",
        f"[{CANARY}]",
        f"{{{CANARY}: [{CANARY}",
        f"{{group.id: {CANARY}, sasl.password: {CANARY}}}",
        f"sasl.password={CANARY}",
    ],
}
PORTS = {f"QB_{part}_PORT": "0" for part in ("PROCESSOR", "EXPORTER", "INVOICER", "BUDGETS", "NOTIFIER")}
PATIENCE_SECONDS = 240.0


def url_settings() -> list[str]:
    """The settings that are an address of HTTP, which may hold a name and a password."""
    return [name for name in Settings.model_fields if name.endswith(("_url", "_jwks"))]


@dataclass(frozen=True)
class Given:
    """A way to give a setting: by the command line, the environment or a file."""

    way: str
    name: str
    text: str

    def source(self, folder: Path) -> tuple[list[str], dict[str, str]]:
        """Return flags and environment."""
        if self.way == "flag":
            return [f"--{self.name.replace('_', '-')}", self.text], {}
        if self.way == "environment":
            return [], {f"QB_{self.name.upper()}": self.text}
        file = folder / "settings.yaml"
        file.write_text(json.dumps({self.name: self.text}))
        return ["--config", str(file)], {}


def refused() -> Iterator[Given]:
    """Each setting that may hold a secret, with values that are refused, in each way."""
    values = {name: [CANARY] for name in Settings.model_fields if is_secret(name)} | REFUSED_VALUES
    values |= {name: [f"https://me:{CANARY}@example.com/", f"me:{CANARY}@example.com"] for name in url_settings()}
    for way in ("flag", "environment", "file"):
        for name, texts in values.items():
            yield from (Given(way, name, text) for text in texts)


def commands_with(setting: str) -> list[str]:
    return [one.name for one in COMMANDS if one.name != "broker" and is_offered(one.name, setting)]


def needed(command: str) -> list[str]:
    more = {
        "explain": ["Charlie", "2017-02"],
        "replay": ["--month", "2017-02"],
        "keys": ["list"],
        "secrets": ["--dir", "unused"],
    }
    return more.get(command, [])


def test_a_setting_that_sounds_secret_is_one() -> None:
    """Who adds one is reminded to mark it, or to take it from a file."""
    for name in Settings.model_fields:
        if SOUNDS_SECRET.search(name) and not NO_SECRETS.search(name):
            assert is_secret(name), f"{name}: declare it with secret=True, or take the secret from a file"


def test_a_secret_can_be_given_in_a_file() -> None:
    """For each setting that is secret there is one with a file of such secrets."""
    for name in ("kafka", *filter(is_secret, Settings.model_fields)):
        assert f"{name}_file" in Settings.model_fields, name


def test_kafka_options_in_a_file_come_on_top_of_others(tmp_path: Path) -> None:
    """The file's value counts where both have one; what it holds is masked like any other."""
    file = tmp_path / "kafka.yaml"
    file.write_text(f"sasl.password: {CANARY}\nsasl.username: me\n")
    given = {"kafka": "{sasl.username: other, security.protocol: SASL_SSL}", "kafka_file": str(file)}
    settings = load_settings(given, {})
    assert settings.kafka == {"sasl.username": "me", "security.protocol": "SASL_SSL", "sasl.password": CANARY}
    assert CANARY not in str(describe_settings(settings))


@pytest.mark.parametrize(
    "text", [f"sasl.password: [{CANARY}]", f"[{CANARY}", f"- {CANARY}", f"group.id: {CANARY}", None]
)
def test_a_wrong_file_of_kafka_options_is_named_and_not_shown(tmp_path: Path, text: str | None) -> None:
    """What is wrong, and where, without what stands there."""
    file = tmp_path / "kafka.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings({"kafka_file": str(file)}, {})
    assert CANARY not in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("given", list(refused()), ids=lambda one: f"{one.way}-{one.name}-{one.text[:14]}")
def test_a_refused_value_is_not_shown(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the setting and what is allowed, and not what stands there."""
    flags, environment = given.source(tmp_path)
    for variable, text in environment.items():
        monkeypatch.setenv(variable, text)
    command = next(iter(commands_with(given.name)))
    code = main([command, *needed(command), *flags, "--check-config"])
    output = capsys.readouterr()
    assert CANARY not in output.out + output.err
    assert code in (0, 2)
    assert code == 0 or given.name in output.err


def secret_settings() -> Settings:
    options = {**SECRET_OPTIONS, "sasl.username": "me"}
    return load_settings({"kafka": json.dumps(options), "webhook_secret": WEBHOOK_CANARY}, {})


@pytest.mark.parametrize("command", [one.name for one in COMMANDS])
def test_check_config_masks_secrets(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever command it is."""
    file = tmp_path / "settings.yaml"
    write_settings(secret_settings(), file)
    assert main([command, *needed(command), "--config", str(file), "--check-config"]) == 0
    out = capsys.readouterr().out
    assert CANARY not in out
    assert WEBHOOK_CANARY not in out
    assert out.count(MASK) == len(SECRET_OPTIONS) + 1


def test_a_file_with_secrets_is_its_owners() -> None:
    """The demo keeps all settings for other commands to join in: only its user may read them."""
    assert MASK not in str(secret_settings().kafka)
    assert str(describe_settings(secret_settings())).count(MASK) == len(SECRET_OPTIONS) + 1


@pytest.mark.parametrize("mode", [0o644, None])
def test_only_the_owner_reads_the_demos_settings(tmp_path: Path, mode: int | None) -> None:
    """Also where the file was there before."""
    file = tmp_path / "settings.yaml"
    if mode is not None:
        file.touch()
        file.chmod(mode)
    write_settings(secret_settings(), file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_parts_of_the_demo_get_secrets_by_the_environment() -> None:
    """Other users of the machine see the arguments of its processes, and not their environment."""
    assert CANARY in environment_of(secret_settings(), {})["QB_KAFKA"]


@pytest.mark.parametrize("name", list(SECRET_OPTIONS))
def test_each_secret_option_is_known(name: str) -> None:
    """It is masked where options are shown, and taken out of what libraries say."""
    assert masked_option(name, SECRET_OPTIONS[name]) == MASK
    mask = masker(secrets_of_options({name: SECRET_OPTIONS[name]}))
    assert mask(f"Unrecognized beginning at: {CANARY}") == f"Unrecognized beginning at: {MASK}"


def test_short_words_are_not_masked() -> None:
    """A text stays readable although a password is `on`."""
    assert masker(secrets_of_options({"sasl.password": "on"}))("the broker goes on") == "the broker goes on"
    assert masker([])("as it is") == "as it is"
    assert WEBHOOK_CANARY in secrets_in(secret_settings())


# How a client fails before it has a broker, and with what; each at the level DEBUG, with all that librdkafka can tell.
FAILING: dict[str, dict[str, object]] = {
    "password": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "me",
                 "sasl.password": CANARY},
    "key": {"security.protocol": "SSL", "ssl.key.pem": SECRET_OPTIONS["ssl.key.pem"], "ssl.key.password": CANARY},
    "store": {"security.protocol": "SSL", "ssl.keystore.location": "/none", "ssl.keystore.password": CANARY},
    "token": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
              "enable.sasl.oauthbearer.unsecure.jwt": True, "sasl.oauthbearer.config": f"principal=me {CANARY}"},
    "secret": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
               "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.client.id": "me",
               "sasl.oauthbearer.client.secret": CANARY,
               "sasl.oauthbearer.token.endpoint.url": f"http://me:{CANARY}@127.0.0.1:1/token"},
    "unknown": {"sasl.pasword": CANARY},
}  # fmt: skip
ARGUMENTS = {**{one.name: needed(one.name) for one in COMMANDS}, "notify": ["--webhook-url", "http://127.0.0.1:1/"]}
# It asks no broker, and would make a folder: it only says what it needs.
ARGUMENTS["secrets"] = []
PARTS = [one.name for one in COMMANDS if one.name not in ("demo", "broker")]
# These go on asking for a broker.
PATIENT = {"invoice", "budgets", "notify"}


@pytest.mark.timeout(1200)
def test_no_part_tells_a_secret(forked_qb: ForkedQb, tmp_path: Path) -> None:
    """Whatever it fails by, in its log, its errors and the arguments of its processes."""
    runs = []
    for number, (part, (name, options)) in enumerate(product(PARTS, FAILING.items())):
        # Each way of failing by each part, but not the slow ones by all of them.
        if name in ("password", "token", "secret") and number % 3:
            continue
        environment = {
            **PORTS,
            "QB_LOG_LEVEL": "DEBUG",
            "QB_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "QB_STATE_DIR": str(tmp_path / "state"),
            "QB_KAFKA": json.dumps({"debug": "all", "log_level": 7, **options}),
            "QB_WEBHOOK_SECRET": WEBHOOK_CANARY,
            "QB_BUDGETS": "[{name: all, amount: '1'}]",
        }
        runs.append((part, name, forked_qb.start([part, *ARGUMENTS.get(part, [])], environment)))
    for part, name, started in runs:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while started.exit_code is None and not (part in PATIENT and "session lost" in started.text):
            if part in PATIENT and "starting anew" in started.text:
                break
            assert time.monotonic() < deadline, f"{part} with {name}:\n{started.text[-2_000:]}"
            time.sleep(0.1)
        started.end()
        text = started.text
        assert text.strip(), part
        assert CANARY not in text, f"{part} with {name}: {[line for line in text.splitlines() if CANARY in line]}"
        assert WEBHOOK_CANARY not in text, part


@pytest.mark.timeout(600)
def test_no_page_shows_a_secret(forked_qb: ForkedQb) -> None:
    """The exporter's metrics, page, description and errors."""
    environment = {
        **PORTS,
        "QB_LOG_LEVEL": "DEBUG",
        "QB_KAFKA": json.dumps({**SECRET_OPTIONS, "sasl.username": "me"}),
        "QB_WEBHOOK_SECRET": WEBHOOK_CANARY,
    }
    started = forked_qb.start(["export", "--standalone"], environment)
    url = started.exporter_url(PATIENCE_SECONDS)
    answers = [fetched(f"{url}{path}") for path in ("/", "/metrics", "/openapi.json", "/readyz", "/healthz", "/none")]
    answers += [fetched(f"{url}/{file}") for file in set(re.findall(r'(?:src|href)="/?([^"#:]+)"', answers[0]))]
    started.end()
    assert len(answers) > 6
    for text in (*answers, started.text):
        assert CANARY not in text
        assert WEBHOOK_CANARY not in text


def fetched(url: str) -> str:
    """Return what is answered, with its headers."""
    try:
        with urlopen(Request(url, headers={"Accept": "text/html"}), timeout=60) as answer:
            return f"{answer.headers}{answer.read().decode('utf-8', 'replace')}"
    except HTTPError as error:
        with error:
            return f"{error.headers}{error.read().decode('utf-8', 'replace')}"
