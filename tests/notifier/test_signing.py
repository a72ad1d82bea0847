"""Signatures are those of the Standard Webhooks specification, and secrets stay hidden."""

from pathlib import Path

import pytest

from billing.errors import OperatorError
from billing.settings import Settings, SettingsError, describe_settings, load_settings
from billing.webhook_secret import parse_secret
from notifier.signing import Signer, signer_of
from tests.notifier.receiver import SECRET

# The example of the specification's reference libraries.
EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE_HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_example_of_the_specification() -> None:
    """The same bytes give the same signature as in any other library."""
    headers = Signer([parse_secret(EXAMPLE)]).headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
    )
    assert headers == EXAMPLE_HEADERS


def test_two_secrets_give_two_signatures() -> None:
    """While secrets are changed, a receiver that knows either accepts."""
    keys = [parse_secret(EXAMPLE), parse_secret(SECRET)]
    both = Signer(keys).headers("msg_1", 1, b"{}")["webhook-signature"].split(" ")
    assert both == [Signer([key]).headers("msg_1", 1, b"{}")["webhook-signature"] for key in keys]


def test_secrets_come_from_a_file_and_the_environment(tmp_path: Path) -> None:
    """One per line; those of both count."""
    file = tmp_path / "secrets"
    file.write_text(f"{EXAMPLE}\n\n", "ascii")
    environment = {"QB_WEBHOOK_SECRET": SECRET, "QB_WEBHOOK_SECRET_FILE": str(file)}
    signer = signer_of(load_settings({}, environment))
    assert len(signer.headers("m", 1, b"")["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize("content", ["", "whsec_short", "hunter2", "whsec_!!!", "é"])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: str) -> None:
    """The message names the file and shows nothing of what is in it."""
    file = tmp_path / "secrets"
    file.write_text(content, "utf-8")
    with pytest.raises(OperatorError, match="webhook_secret_file") as fault:
        signer_of(Settings(webhook_secret_file=str(file)))
    assert not content or content not in str(fault.value)


def test_without_a_secret_nothing_is_sent(tmp_path: Path) -> None:
    """Nor with a file that is not there."""
    for settings in (Settings(), Settings(webhook_secret_file=str(tmp_path / "none"))):
        with pytest.raises(OperatorError, match="webhook_secret_file"):
            signer_of(settings)


@pytest.mark.parametrize(
    "secret", ["hunter2hunter2", "whsec_hunter2", "whsec_" + "hunter2" * 4 + "!", "whsec_aHVudGVyMg=="]
)
def test_a_wrong_secret_is_not_shown(secret: str) -> None:
    """Whatever was written there may be one in another form."""
    with pytest.raises(SettingsError, match="webhook_secret") as fault:
        load_settings({"webhook_secret": secret}, {})
    assert "hunter2" not in str(fault.value)
    assert secret.removeprefix("whsec_") not in str(fault.value)


def test_settings_are_shown_without_secrets() -> None:
    """`--check-config` says that there is one, and no more."""
    shown = describe_settings(load_settings({"webhook_secret": SECRET}, {}))
    assert shown["webhook_secret"] == ["***"]
    assert SECRET not in str(shown)


@pytest.mark.parametrize("url", ["ftp://x/", "https://me:secret@x/", "x", "https:///hook"])
def test_a_receiver_is_a_plain_url(url: str) -> None:
    """A password in it would be a second secret, in the log of every proxy."""
    with pytest.raises(SettingsError) as fault:
        load_settings({"webhook_url": url}, {})
    assert "me:secret" not in str(fault.value)
