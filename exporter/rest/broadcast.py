"""What live streams send: each document is made once for all who watch the same, however many they are."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from exporter.model.asking import ask
from exporter.model.state import NotKnownError
from exporter.rest.customer_overview import customer_overview, customer_waiting
from exporter.rest.documents import Documents
from exporter.rest.overview import overview, waiting
from exporter.web.context import Context
from exporter.web.json_body import dump
from exporter.web.problems import ProblemError
from exporter.web.workers import Workers

# Not more often than a person can read, and often enough that silence means trouble.
SHORTEST_SECONDS = 0.5
MAX_STREAMS = 200
# Of one customer, whatever the month: nobody with a customer's key takes the places of all others.
MAX_CUSTOMER_STREAMS = 20

_BUSY = {"Retry-After": "30"}


@dataclass(frozen=True)
class Made:
    """A document as it is sent.

    Args:
        body: one line of JSON.
        figures: differ from those of the document before if that matters to whoever watches.
    """

    body: bytes
    figures: bytes


class Watched(Protocol):
    """What a stream shows: equal ones show the same, and are made once."""

    @property
    def event(self) -> str:
        """The name of the stream's events."""

    @property
    def customer(self) -> str | None:
        """The one customer that it is about, None if it is about all."""

    def make(self, context: Context) -> Made:
        """Return the document of now; called in a thread."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class OverviewWatched:
    """A month of all customers; without a month, the newest."""

    month: str | None
    event = "overview"
    customer = None

    def make(self, context: Context) -> Made:
        """Return the overview, or what stands in its place."""
        try:
            made: Mapping[str, Any] = ask(context.model, lambda view: overview(Documents(context, view), self.month))
        except NotKnownError as error:
            made = waiting(context, error)
        body = dump(made)
        return Made(body, body)


@dataclass(frozen=True)
class CustomerWatched:
    """One customer; without a month, the newest that there is something to show of."""

    customer: str
    month: str | None
    event = "customer"

    def make(self, context: Context) -> Made:
        """Return the customer's document: what others are billed is no figure of it, nor when they are."""
        try:
            made: Mapping[str, Any] = ask(
                context.model, lambda view: customer_overview(Documents(context, view), self.customer, self.month)
            )
        except NotKnownError:
            made = customer_waiting(context)
        invoice = made.get("invoice")
        figures = {**made, "as_of": None, "invoice": invoice and {**invoice, "as_of": None}}
        return Made(dump(made), dump(figures))


class Broadcast:
    """Makes each document once, however many are watching.

    Args:
        context: of the application.
        workers: make them.
    """

    def __init__(self, context: Context, workers: Workers) -> None:
        self._context = context
        self._workers = workers
        self._making = asyncio.Lock()
        self._made: dict[Watched, tuple[tuple[int, int], Made]] = {}
        self._watching: Counter[str | None] = Counter()  # by customer
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def watched(self, what: Watched) -> Iterator[None]:
        """Count one more who watches, while the block runs.

        Raises:
            ProblemError: as many watch as may.
        """
        if self._watching.total() >= MAX_STREAMS:
            raise ProblemError(503, "busy", f"{MAX_STREAMS} streams are open already", headers=_BUSY)
        if what.customer is not None and self._watching[what.customer] >= MAX_CUSTOMER_STREAMS:
            message = f"{MAX_CUSTOMER_STREAMS} streams of this customer are open already"
            raise ProblemError(503, "busy", message, headers=_BUSY)
        self._watching[what.customer] += 1
        try:
            yield
        finally:
            self._watching[what.customer] -= 1
            self._watching += Counter()  # leaves out whom nobody watches

    async def newest(self, what: Watched) -> Made:
        """Return the document of what is watched, or what stands in its place.

        Raises:
            ProblemError: too many questions wait for an answer.
        """
        async with self._making:
            # At rest an overview grows old by its ages alone: it is made anew each half second at most.
            stamp = (self.version(), int(asyncio.get_running_loop().time() / SHORTEST_SECONDS))
            known = self._made.get(what)
            if known is None or known[0] != stamp:
                made = await self._workers.run(lambda: what.make(self._context))
                self._made = {key: value for key, value in self._made.items() if value[0] == stamp}
                known = self._made[what] = (stamp, made)
            return known[1]

    def version(self) -> int:
        """Return what changes when the overview does; -1 while the numbers are not known."""
        return self._context.model.shown_version


BROADCAST = web.AppKey("broadcast", Broadcast)
