"""One line for each thing logged, in one form, whoever logs it."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from billing.runtime.logs import client_logger, configure_logging, get_logger, log_to_file, silent_client_logger
from tests.pipeline import wait_until

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
logger = get_logger("tests.logs")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(before):
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """Where the lines of this process go meanwhile, from INFO on."""
    configure_logging("INFO")
    log_to_file(tmp_path / "part.log")
    return tmp_path / "part.log"


@pytest.mark.parametrize(
    ("facts", "written"),
    [
        ({}, "month closed"),
        ({"month": "2026-10", "invoices": 7}, "month closed month=2026-10 invoices=7"),
        ({"folder": Path("/a b")}, 'month closed folder="/a b"'),
        ({"error": 'no "x" here'}, 'month closed error="no \\"x\\" here"'),
        ({"due": True, "why": None}, "month closed due=true why="),
        ({"share": "100 %", "rate": "%s"}, 'month closed share="100 %" rate=%s'),
        ({"customer": "a\nERROR b\r\x1b[2J\u2028c"}, 'month closed customer="a\\nERROR b\\r\\x1b[2J\\u2028c"'),
    ],
)
def test_a_line_is_a_constant_message_and_facts(log_file: Path, facts: dict[str, object], written: str) -> None:
    """Values that hold spaces or quotes are quoted, and none can end the line."""
    logger.info("month closed", **facts)
    line = log_file.read_text(encoding="utf-8")
    assert re.fullmatch(rf"{TIME} INFO tests\.logs {re.escape(written)}\n", line)


def test_lines_of_others_have_the_same_form(log_file: Path) -> None:
    """Libraries log through the standard library, and their lines are made here too."""
    logging.getLogger("quixstreams.app").warning("Started\nsource %s", "x")
    assert re.fullmatch(rf"{TIME} WARNING quixstreams\.app Started\\nsource x\n", log_file.read_text(encoding="utf-8"))


def test_an_exception_comes_after_its_line(log_file: Path) -> None:
    """The traceback is kept whole."""
    try:
        raise ValueError("out of stock")
    except ValueError:
        logger.exception("job failed", job="files")
    first, *rest = log_file.read_text(encoding="utf-8").splitlines()
    assert first.endswith("ERROR tests.logs job failed job=files")
    assert rest[0].startswith("Traceback")
    assert rest[-1] == "ValueError: out of stock"


def test_what_the_level_leaves_out_is_not_even_rendered(log_file: Path) -> None:
    """A fact's text is made only if the line is written."""

    class Fact:
        def __str__(self) -> str:
            raise AssertionError("rendered")

    logger.debug("looked at", fact=Fact())
    assert log_file.read_text(encoding="utf-8") == ""


def test_a_test_sees_what_was_logged_and_where(caplog: pytest.LogCaptureFixture) -> None:
    """The lines pass through the standard library, so whatever captures that captures them."""
    logger.warning("files are gone", month="2026-10")
    assert caplog.messages == ["files are gone month=2026-10"]
    assert caplog.records[0].filename == Path(__file__).name


def test_lines_of_the_kafka_client_have_the_same_form(log_file: Path) -> None:
    """librdkafka would write to standard error in a form of its own."""
    client = AdminClient({"bootstrap.servers": "localhost:1", "log_level": 3, "logger": client_logger()})
    with pytest.raises(KafkaException):
        client.list_topics(timeout=0.5)
    wait_until(lambda: client.poll(0.05) >= 0 and "librdkafka" in log_file.read_text(encoding="utf-8"), 120.0)
    assert re.match(rf"{TIME} ERROR librdkafka FAIL .*Connection refused", log_file.read_text(encoding="utf-8"))


def test_a_client_can_be_silent(log_file: Path) -> None:
    """Who waits for a broker to start knows that it does not answer yet."""
    silent_client_logger().error("no broker")
    assert log_file.read_text(encoding="utf-8") == ""
