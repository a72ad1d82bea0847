"""Questions to the read model: answered at once, soon or at length, so that no light one waits for a heavy one."""

from collections.abc import Callable
from typing import TypeVar

from exporter.model.ordered import BehindError, HeavyQuestionError, NotNowError
from exporter.model.read_model import ReadModel
from exporter.model.view import View

Answer = TypeVar("Answer")
Question = Callable[[View], Answer]

# An order of customers may fall behind again while another one is brought up.
_MOST_TRIES = 10


def ask_now(model: ReadModel, question: Question[Answer]) -> Answer:
    """Answer without waiting for anything: fit for the event loop.

    Raises:
        NotKnownError: the numbers are not known.
        NotNowError: somebody else is at work, or the answer takes long.
    """
    try:
        with model.reading_now() as view:
            return question(view)
    except (BehindError, HeavyQuestionError):
        raise NotNowError from None


def ask_soon(model: ReadModel, question: Question[Answer]) -> Answer:
    """Answer as soon as it is this question's turn. What it needs that takes long is done without the lock.

    Raises:
        NotKnownError: the numbers are not known.
        HeavyQuestionError: the answer takes long itself.
    """
    for _ in range(_MOST_TRIES):
        try:
            with model.reading(at_once=True) as view:
                return question(view)
        except BehindError as behind:
            model.bring_up(behind.order)
    raise HeavyQuestionError


def ask_at_length(model: ReadModel, question: Question[Answer], is_wanted: Callable[[], bool] = lambda: True) -> Answer:
    """Answer from a state that stands still, however long that takes: nothing else waits for it.

    Args:
        model: what is asked.
        question: what is asked of it.
        is_wanted: whether anybody still waits for the answer.

    Raises:
        NotKnownError: the numbers are not known.
        NotWantedError: nobody waits any more.
    """
    return question(model.still(is_wanted))


def ask(model: ReadModel, question: Question[Answer]) -> Answer:
    """Answer, whatever it takes.

    Raises:
        NotKnownError: the numbers are not known.
    """
    try:
        return ask_soon(model, question)
    except HeavyQuestionError:
        return ask_at_length(model, question)
