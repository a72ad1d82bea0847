"""Sorts what stopped the application by who acts: an operator, told in one line, time, or a maintainer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException

from billing.errors import OperatorError
from billing.runtime.logs import get_logger
from billing.settings import Settings
from billing.subtotal import RecordError
from processor.failure_table import FAULT_RUNBOOK, OF_CLASS, OF_CODE, PASSES, STATE_FOLDER, Actor, Answer
from processor.quix_commit import CommitInDoubtError
from processor.takeover import StateMismatchError

logger = get_logger(__name__)

# What the processor itself raises, and Python where a broker is away.
_PASSING = (CommitInDoubtError, TimeoutError, ConnectionError)
# What RocksDB and the operating system say of a folder or its disk; RocksDB says it by a bare Exception.
_FOLDER_TEXT = re.compile(
    r"^Corruption: |No space left on device|Read-only file system|quota exceeded|Permission denied|Input/output error"
)
_LINE_CHARACTERS = 300


@dataclass(frozen=True)
class Failure:
    """What stopped the application, sorted.

    Args:
        actor: who acts; None if the failure is not known.
        told: what an operator has to know, if it is one who acts.
        error: the failure itself.
    """

    actor: Actor | None
    told: OperatorError | None
    error: BaseException

    @property
    def text(self) -> str:
        """The failure in one line."""
        return _line(self.error)


def sort_failure(error: BaseException, settings: Settings) -> Failure:
    """Return who acts on what stopped the application.

    An error comes with those that caused it. What an operator can act on is told first, then what passes.
    """
    causes = list(_causes(error))
    for cause in causes:
        if told := _told(cause, settings):
            return Failure(Actor.OPERATOR, told, cause)
    known = [answer.actor for cause in causes if (answer := _answer(cause)) is not None]
    for actor in (Actor.TIME, Actor.MAINTAINER):
        if actor in known:
            return Failure(actor, None, error)
    return Failure(None, None, error)


def log_failure(failure: Failure, instance: str) -> None:
    """Say what stopped the application and will be tried again."""
    if failure.actor is Actor.TIME:
        logger.warning("processor failed, it goes on from its last commit", instance=instance, error=failure.text)
        return
    if failure.actor is Actor.MAINTAINER:
        logger.error("the failure is a fault of the program: please report it", error=failure.text, see=FAULT_RUNBOOK)
    else:
        logger.error("the failure is not one that is known: please report it", error=failure.text, see=FAULT_RUNBOOK)
    logger.error("processor failed, it goes on from its last commit", instance=instance, exc_info=failure.error)


def is_unpacking_refused(error: BaseException) -> bool:
    """Return whether the client stopped at a batch that unpacks to more than it may take."""
    return any(_code(cause) == KafkaError._BAD_COMPRESSION for cause in _causes(error))


def _told(cause: BaseException, settings: Settings) -> OperatorError | None:
    if isinstance(cause, OperatorError):
        return cause
    if isinstance(cause, RecordError):
        return StateMismatchError(
            f"{settings.counted_topic}: State cannot be read: {cause}; stopped rather than miscount"
        )
    answer = _answer(cause)
    if answer is None or answer.actor is not Actor.OPERATOR:
        return None
    return answer.kind(
        answer.sentence.format(
            error=_line(cause),
            input_topic=settings.counted_topic,
            rejected_topic=settings.rejected_topic,
            consumer_group=settings.consumer_group,
            instance=settings.instance,
            state_dir=settings.state_dir / settings.instance,
        )
    )


def _answer(cause: BaseException) -> Answer | None:
    code = _code(cause)
    if code is not None and code in OF_CODE:
        return OF_CODE[code]
    if isinstance(cause, _PASSING):
        return PASSES
    for kind in type(cause).__mro__:
        if answer := OF_CLASS.get(f"{kind.__module__}.{kind.__qualname__}"):
            return answer
    if (type(cause) is Exception or isinstance(cause, OSError)) and _FOLDER_TEXT.search(str(cause)):
        return STATE_FOLDER
    return None


def _code(cause: BaseException) -> int | None:
    """Return the error code of a client's error, or of Quix's wrapping of one; None of any other."""
    if isinstance(cause, KafkaException) and cause.args and isinstance(cause.args[0], KafkaError):
        return int(cause.args[0].code())
    code = getattr(cause, "code", None)
    return code if isinstance(code, int) and type(cause).__module__.startswith("quixstreams.") else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _line(error: BaseException) -> str:
    if isinstance(error, KafkaException) and error.args and isinstance(error.args[0], KafkaError):
        text = error.args[0].str()
    else:
        text = str(error)
    text = " ".join(text.split())
    return text[:_LINE_CHARACTERS] if text else type(error).__name__
