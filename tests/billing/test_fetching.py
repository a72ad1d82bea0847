"""How much is fetched at once, and unpacked: what the settings say, and enough for what a topic takes."""

import pytest
from confluent_kafka import Consumer, KafkaError

from billing.runtime.fetching import careful, is_refused, swift, unpacked_too_much
from billing.runtime.kafka import reader_config
from billing.settings import Settings
from billing.topic_rules import LARGEST_RECORD_BYTES

SETTINGS = [
    Settings(),
    Settings(fetch_bytes=65_536, unpacked_bytes=134_217_728),
    Settings(fetch_bytes=100_000_000, unpacked_bytes=2_147_483_647),
]


def number(options: dict[str, object], name: str) -> int:
    value = options[name]
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: str(settings.fetch_bytes))
@pytest.mark.parametrize("largest", [1_000, 1_048_588, 50_000_000, LARGEST_RECORD_BYTES])
def test_what_a_topic_takes_can_be_received(settings: Settings, largest: int) -> None:
    """A batch as large as the topic allows is received as it was sent; packed, it may unpack to little more."""
    options = swift(settings, largest)
    received, fetched = number(options, "receive.message.max.bytes"), number(options, "fetch.max.bytes")
    assert max(largest, settings.fetch_bytes) <= fetched < received
    assert received < number(careful(settings), "receive.message.max.bytes")
    assert number(options, "fetch.message.max.bytes") <= settings.fetch_bytes


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: str(settings.fetch_bytes))
@pytest.mark.parametrize("options", [swift, careful])
def test_the_client_takes_the_options(settings: Settings, options: object) -> None:
    """It refuses limits that do not go together."""
    assert callable(options)
    Consumer({**reader_config(settings), **options(settings), "log_level": 0}).close()


def test_what_an_operator_reads_of_a_batch_that_is_refused() -> None:
    """Which one, why, and where to read on; without its place where nobody knows it."""
    assert str(unpacked_too_much(Settings(), "t", (3, 17))) == (
        "t[3]: the batch at offset 17 is damaged, or unpacks to more than unpacked_bytes = 1073741824; stopped rather "
        "than leave it out, see docs/runbook.md#unpacks-too-much"
    )
    assert str(unpacked_too_much(Settings(), "t", None)).startswith("t: a batch is damaged")


def test_a_refusal_is_told_from_other_errors() -> None:
    """By the client's code."""
    assert is_refused(KafkaError(KafkaError._BAD_COMPRESSION))
    assert not is_refused(KafkaError(KafkaError._TRANSPORT))
