"""Sorts what stopped the application by who acts: an operator, told in one line, or nobody, because it may pass."""

from collections.abc import Iterator

from confluent_kafka import KafkaError, KafkaException

from billing.errors import OperatorError
from billing.settings import Settings
from billing.subtotal import RecordError
from processor.quix_adapter import (
    InvalidStoreChangelogOffset,
    KafkaConsumerException,
    KafkaProducerDeliveryError,
    StateRecoveryOffsetOutOfRange,
)
from processor.rejected import REJECTED_RUNBOOK
from processor.takeover import INPUT_RUNBOOK, STATE_RUNBOOK, InputDeletedError, StateMismatchError


def explain(error: BaseException, settings: Settings) -> OperatorError | None:
    """Return what an operator has to know of the error that stopped the application, None if it is not known."""
    for cause in _causes(error):
        if isinstance(cause, OperatorError):
            return cause
        if isinstance(cause, RecordError):
            return StateMismatchError(
                f"{settings.input_topic}: State cannot be read: {cause}; stopped rather than miscount"
            )
        if isinstance(cause, StateRecoveryOffsetOutOfRange) or _is_code(cause, KafkaError._AUTO_OFFSET_RESET):
            return InputDeletedError(
                f"{settings.input_topic}: records were deleted before they were read; stopped rather than undercount, "
                f"see {INPUT_RUNBOOK}"
            )
        if isinstance(cause, InvalidStoreChangelogOffset):
            return StateMismatchError(
                f"{settings.input_topic}: local State is ahead of its changelog topic, which was deleted or cut; "
                f"stopped rather than miscount, see {STATE_RUNBOOK}"
            )
        if _is_code(cause, KafkaError.MSG_SIZE_TOO_LARGE):
            return OperatorError(
                f"{settings.rejected_topic}: a record that cannot be billed is larger than this topic takes; it waits "
                f"in {settings.input_topic}, stopped rather than lose it, see {REJECTED_RUNBOOK}"
            )
        if _is_code(cause, KafkaError._FENCED):
            return OperatorError(
                f"instance {settings.instance!r} was fenced: another processor runs under the same name; "
                "give each its own `instance`"
            )
    return None


def is_unpacking_refused(error: BaseException) -> bool:
    """Return whether the client stopped at a batch that unpacks to more than it may take."""
    return any(_is_code(cause, KafkaError._BAD_COMPRESSION) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _is_code(error: BaseException, code: int) -> bool:
    if isinstance(error, KafkaConsumerException | KafkaProducerDeliveryError):
        return bool(error.code == code)
    return isinstance(error, KafkaException) and bool(error.args[0].code() == code)
