"""Each failure has somebody who acts on it: an operator who is told what to do, time, or a maintainer."""

import importlib
import inspect
import pkgutil
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from billing.errors import OperatorError
from billing.settings import Settings
from billing.subtotal import RecordError
from processor.failure_table import OF_CLASS, OF_CODE, Actor
from processor.failures import Failure, is_unpacking_refused, log_failure, sort_failure
from processor.quix_commit import CommitInDoubtError
from processor.takeover import InputDeletedError, StateMismatchError

with warnings.catch_warnings(record=True):
    import quixstreams
    from quixstreams.checkpointing.exceptions import CheckpointConsumerCommitError
    from quixstreams.exceptions import PartitionAssignmentError
    from quixstreams.kafka.exceptions import BaseKafkaException, KafkaConsumerException, KafkaProducerDeliveryError
    from quixstreams.state.exceptions import StateError

SETTINGS = Settings(instance="one", consumer_group="billing", state_dir=Path("state"))
RUNBOOK = Path(__file__).parent.parent.parent / "docs" / "runbook.md"


@cache
def exceptions_of_quix() -> dict[str, type[BaseException]]:
    """Each exception class that the installed Quix Streams defines, by module and name, wherever it can be imported."""
    found: dict[str, type[BaseException]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(quixstreams.__path__, "quixstreams."):
            try:
                members = vars(importlib.import_module(module.name))
            except ImportError:  # a connector to something that is not installed
                continue
            for member in members.values():
                if inspect.isclass(member) and issubclass(member, BaseException):
                    found[f"{member.__module__}.{member.__qualname__}"] = member
    return {name: kind for name, kind in found.items() if name.startswith("quixstreams.")}


def codes() -> dict[str, int]:
    """Each error code of the installed client, by name."""
    named = {name: getattr(KafkaError, name) for name in dir(KafkaError) if name.strip("_").isupper()}
    return {name: code for name, code in named.items() if isinstance(code, int)}


def made(kind: type[BaseException], error: KafkaError) -> BaseException:
    """An error of a class as its library makes it, as far as the class has a say."""
    if issubclass(kind, BaseKafkaException):
        return kind(error)
    raised = kind.__new__(kind)
    raised.args = ("some text",)
    return raised


def test_every_exception_of_quix_has_its_answer() -> None:
    """An upgrade brings no unknown one silently, nor leaves one that is gone."""
    found = exceptions_of_quix()
    assert len(found) > 60
    assert sorted(OF_CLASS) == sorted(found)


def test_every_code_of_the_client_has_its_answer() -> None:
    """The same of librdkafka's codes."""
    found = codes()
    assert len(found) > 160
    assert sorted(OF_CODE) == sorted(found.values())


@pytest.mark.parametrize("name", sorted(OF_CLASS))
def test_an_exception_is_sorted_as_the_table_says(name: str) -> None:
    """By its class, where it carries no code; an operator is told a whole sentence with nothing left to fill in."""
    kind = exceptions_of_quix()[name]
    passing = KafkaError(KafkaError._TRANSPORT)
    failure = sort_failure(made(kind, passing), SETTINGS)
    expected = Actor.TIME if issubclass(kind, BaseKafkaException) else OF_CLASS[name].actor
    assert failure.actor is expected
    assert (failure.told is not None) is (expected is Actor.OPERATOR)


@pytest.mark.parametrize("name", sorted(codes()))
def test_a_code_is_sorted_as_the_table_says(name: str) -> None:
    """Whoever wraps it: the client itself, Quix's consumer, producer or checkpoint."""
    error, actor = KafkaError(codes()[name]), OF_CODE[codes()[name]].actor
    for kind in (KafkaException, KafkaConsumerException, KafkaProducerDeliveryError, CheckpointConsumerCommitError):
        failure = sort_failure(kind(error), SETTINGS)
        assert failure.actor is actor
        assert (failure.told is not None) is (actor is Actor.OPERATOR)


@pytest.mark.parametrize(
    "answer", sorted({*OF_CLASS.values(), *OF_CODE.values()}, key=str), ids=lambda answer: answer.sentence[:40]
)
def test_a_sentence_is_there_for_operators_alone(answer: Any) -> None:
    """It says what to do, or the section that does; the section exists, and the runbook's table leads to it."""
    assert bool(answer.sentence) is (answer.actor is Actor.OPERATOR)
    if answer.sentence:
        says_what = any(verb in answer.sentence for verb in ("; give each", "; shorten", "; correct", "see docs/"))
        assert says_what
        _, _, section = answer.sentence.partition("docs/runbook.md#")
        text = RUNBOOK.read_text("utf-8")
        assert not section or (f'<a id="{section}"></a>' in text and f"](#{section})" in text)


DISK_FULL = "IO error: No space left on device: While appending to file: state/one/000012.log"
SENTENCES: list[tuple[Exception, type[OperatorError], str]] = [
    (
        KafkaConsumerException(KafkaError(KafkaError._AUTO_OFFSET_RESET)),
        InputDeletedError,
        (
            "billableevents.incoming: records were deleted before they were read; stopped rather than undercount, "
            "see docs/runbook.md#input-deleted"
        ),
    ),
    (
        KafkaProducerDeliveryError(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)),
        OperatorError,
        (
            "billing.rejected: a record that cannot be billed is larger than this topic takes; it waits in "
            "billableevents.incoming, stopped rather than lose it, see docs/runbook.md#rejected-too-large"
        ),
    ),
    (
        KafkaException(KafkaError(KafkaError._FENCED)),
        OperatorError,
        "instance 'one' was fenced: another processor runs under the same name; give each its own `instance`",
    ),
    (
        KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Topic t: denied")),
        OperatorError,
        "Kafka does not allow this processor something it needs: Topic t: denied; see docs/runbook.md#kafka-refuses",
    ),
    (
        KafkaException(KafkaError(KafkaError._INVALID_ARG, "`fetch.max.bytes` must be larger")),
        OperatorError,
        (
            "an option is refused: `fetch.max.bytes` must be larger; correct it in the setting kafka, or on the "
            "brokers, see docs/runbook.md#kafka-refuses"
        ),
    ),
    (
        Exception(DISK_FULL),
        OperatorError,
        f"State in the folder state/one cannot be used: {DISK_FULL}; see docs/runbook.md#state-folder",
    ),
    (
        OSError(30, "Read-only file system"),
        OperatorError,
        (
            "State in the folder state/one cannot be used: [Errno 30] Read-only file system; see "
            "docs/runbook.md#state-folder"
        ),
    ),
    (
        RecordError("v is 9, newer than 3"),
        StateMismatchError,
        "billableevents.incoming: State cannot be read: v is 9, newer than 3; stopped rather than miscount",
    ),
]


@pytest.mark.parametrize(("error", "kind", "said"), SENTENCES, ids=lambda value: str(value)[:40])
def test_what_an_operator_reads(error: Exception, kind: type[OperatorError], said: str) -> None:
    """One sentence: what, why and what to do."""
    told = sort_failure(error, SETTINGS).told
    assert type(told) is kind
    assert str(told) == said


def test_a_cause_is_found_beneath_what_wraps_it() -> None:
    """Quix wraps what an assignment raises; the operator's part is found below, and is told before what passes."""
    outer = PartitionAssignmentError("Error during partition assignment")
    outer.__cause__ = KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))
    assert sort_failure(outer, SETTINGS).actor is Actor.OPERATOR


@pytest.mark.parametrize("error", [CommitInDoubtError("given up"), TimeoutError("slow"), ConnectionResetError("gone")])
def test_what_passes_beside_quix(error: Exception) -> None:
    """The processor's own, and what Python says of a broker that is away."""
    assert sort_failure(error, SETTINGS).actor is Actor.TIME


class NewQuixError(StateError):
    """What a later version might bring."""


@pytest.mark.parametrize(
    ("error", "actor"),
    [
        (NewQuixError("boom"), Actor.MAINTAINER),
        (KeyError("x"), None),
        (Exception("IO error: While lock file: state/one/LOCK"), None),
        (KafkaException("no code"), None),
    ],
    ids=repr,
)
def test_what_nobody_foresaw_is_tried_again_and_logged_as_what_it_is(error: Exception, actor: Actor | None) -> None:
    """It is not taken for something that an operator could mend."""
    failure = sort_failure(error, SETTINGS)
    assert (failure.actor, failure.told) == (actor, None)
    assert failure.text
    assert not is_unpacking_refused(error)


@pytest.mark.parametrize(
    ("actor", "said", "traceback"),
    [
        (Actor.TIME, "it goes on from its last commit", False),
        (Actor.MAINTAINER, "is a fault of the program: please report it", True),
        (None, "is not one that is known: please report it", True),
    ],
)
def test_the_log_says_who_acts(
    monkeypatch: pytest.MonkeyPatch, actor: Actor | None, said: str, traceback: bool
) -> None:
    """What passes is one line; what has to be reported says where, and shows the traceback."""
    lines: list[tuple[str, str]] = []

    class Logger:
        def __getattr__(self, level: str) -> Any:
            return lambda message, **facts: lines.append((level, f"{message} {facts}"))

    monkeypatch.setattr("processor.failures.logger", Logger())
    log_failure(Failure(actor, None, ValueError("the text")), "one")
    assert said in lines[0][1]
    assert "the text" in lines[0][1]
    assert ("exc_info" in lines[-1][1]) is traceback
    assert ("docs/runbook.md#processor-fault" in lines[0][1]) is traceback


def test_a_member_fenced_by_its_own_return_is_no_operators_business() -> None:
    """A broker that comes back lets the processor join again amid a commit, which is then told that it was fenced."""
    error = KafkaException(KafkaError(KafkaError.FENCED_INSTANCE_ID))
    assert sort_failure(error, SETTINGS).told is None
