"""Threads that answer what takes long, so that the event loop never computes for long and never waits for a lock."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from exporter.model.asking import Question, ask_at_length, ask_now, ask_soon
from exporter.model.ordered import HeavyQuestionError, NotNowError, NotWantedError
from exporter.model.read_model import ReadModel
from exporter.web.context import context_of
from exporter.web.problems import ProblemError

Answer = TypeVar("Answer")
Result = TypeVar("Result")

# Python runs one thread at a time: more of them would only take turns more often.
_SOON_THREADS = 4
_LENGTHY_THREADS = 2
_MOST_WAITING = 200
# Of one answer: who asks gives up sooner or later, and others wait for the thread.
MOST_SECONDS = 60.0
# For lengthy answers, which ask themselves each few milliseconds whether they are still wanted.
_JOIN_SECONDS = 2.0

_Work = Callable[[], None]


class Workers:
    """Some threads, and the work that waits for them.

    They are daemons: work that is not done must not keep the process from ending.

    Args:
        name: of the threads.
        count: how many.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, or raise what it raises.

        Raises:
            ProblemError: too much waits already.
        """
        if self._work.qsize() >= _MOST_WAITING:
            raise ProblemError(503, "busy", "too many questions wait for an answer", headers={"Retry-After": "5"})
        self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._work.put(lambda: _fulfil(loop, future, work))
        return await future

    def stop(self) -> None:
        """Let the threads end once they are free, and wait a little for them."""
        for _ in self._threads:
            self._work.put(None)
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self) -> None:
        while len(self._threads) < self._count:
            name = f"{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=self._serve, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class Pool:
    """Answers questions at once, soon or at length, each by threads of its own: none waits for a longer one."""

    def __init__(self) -> None:
        self.soon = Workers("answers", _SOON_THREADS)
        self._at_length = Workers("lengthy-answers", _LENGTHY_THREADS)
        self._stopped = threading.Event()

    async def ask(self, request: web.Request, question: Question[Answer], at_once: bool = True) -> Answer:
        """Return the answer to a question.

        Args:
            request: whose context it is asked in.
            question: asked of one state; it must not wait for anything.
            at_once: whether it may be answered in the event loop if nobody else is at work: it takes some
                milliseconds at most.

        Raises:
            NotKnownError: the numbers are not known.
            ProblemError: too many questions wait, or the answer takes too long.
        """
        model = context_of(request).model
        if at_once:
            try:
                return ask_now(model, question)
            except NotNowError:
                pass
        try:
            return await self.soon.run(lambda: ask_soon(model, question))
        except HeavyQuestionError:
            return await self._at_length.run(lambda: self._answer_at_length(model, question))

    def stop(self) -> None:
        """End what is under way, and let the threads end."""
        self._stopped.set()
        self.soon.stop()
        self._at_length.stop()

    def _answer_at_length(self, model: ReadModel, question: Question[Answer]) -> Answer:
        deadline = time.monotonic() + MOST_SECONDS
        try:
            return ask_at_length(model, question, lambda: not self._stopped.is_set() and time.monotonic() < deadline)
        except NotWantedError:
            raise ProblemError(503, "too_long", f"the answer takes more than {MOST_SECONDS:.0f} seconds") from None


POOL = web.AppKey("pool", Pool)


async def work(request: web.Request, what: Callable[[], Result]) -> Result:
    """Return what `what` returns, done by a thread: it may take long, but asks nothing of the model."""
    return await request.app[POOL].soon.run(what)


async def ask(request: web.Request, question: Question[Answer], at_once: bool = True) -> Answer:
    """Return the answer to a question, see :meth:`Pool.ask`."""
    return await request.app[POOL].ask(request, question, at_once)


def _fulfil(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], work: Callable[[], Any]) -> None:
    """Do the work, unless nobody waits for it any more, and hand over what came of it."""
    if future.cancelled():
        return
    result, error = None, None
    try:
        result = work()
    except Exception as caught:
        error = caught
    try:
        loop.call_soon_threadsafe(_hand_over, future, result, error)
    except RuntimeError:  # the loop has ended meanwhile, and nobody is left to tell
        return


def _hand_over(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
