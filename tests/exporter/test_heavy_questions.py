"""A question that takes long holds up nobody: not the others, not what is counted meanwhile, not the end."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from billing.subtotal import CustomerMonthKey
from billing.sums import TypeTable
from broker.ports import free_port
from exporter.model.asking import ask_at_length
from exporter.model.cube import Cube
from exporter.model.intake import Intake
from exporter.model.invoices import IssuedInvoices
from exporter.model.ordered import BehindError, HeavyQuestionError
from exporter.model.view import MOST_ROWS_AT_ONCE, Sort, View
from exporter.query import asked
from exporter.query.filters import Filter, passes
from exporter.web import workers
from tests.exporter.client import Answer, Client
from tests.exporter.test_app import wait_until_answering
from tests.exporter.test_errors import assert_problem
from tests.exporter.world import World, two_months

EVERYBODY = {"key": "customer", "operator": "=~", "value": ".*"}
HEAVY = {"targets": [{"target": "totals", "refId": "A"}], "adhocFilters": [EVERYBODY]}
DEADLINE_SECONDS = 30


@dataclass
class Gate:
    """Stops whoever filters customers until it is opened."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def passes(self, filters: Iterable[Filter], key: str, value: str) -> bool:
        """Wait at the first customer."""
        if key == "customer":
            self.reached.set()
            assert self.opened.wait(DEADLINE_SECONDS)
        return passes(filters, key, value)


@contextmanager
def heavy_question(client: Client, gate: Gate, document: object) -> Iterator[Future[Answer]]:
    """Ask a heavy question, which is under way while the block runs."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.post, "/query", document)
        try:
            assert gate.reached.wait(DEADLINE_SECONDS)
            yield future
        finally:
            gate.opened.set()


def many(customers: int) -> World:
    """Return a deployment with many customers, of which each has its own total."""
    world = World()
    committed, total = world.committed, customers * (customers + 1) // 2
    committed.event("c0", total, count=customers)
    for number in range(customers):
        key = CustomerMonthKey(0, "2017-02", f"c{number}")
        committed.sums[key] = {"MISC": (number + 1, 1)}
        committed.changed.add(key)
    return world.ready()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    found = Gate()
    monkeypatch.setattr(asked, "passes", found.passes)
    yield found
    found.opened.set()


LIGHT = (
    "/healthz", "/readyz", "/customers/c7", "/customers?limit=3", "/customers?prefix=c1&limit=3", "/types",
    "/types/misc", "/months", "/metrics", "/api/v1/overview", "/api/v1/months", "/api/v1/customers?limit=3",
    "/openapi.json",
)  # fmt: skip


def test_others_are_answered_meanwhile(gate: Gate) -> None:
    """While a heavy question is under way, every light one is answered, and what is counted shows; it shows the old."""
    world = many(MOST_ROWS_AT_ONCE + 1)
    before = sum(range(1, MOST_ROWS_AT_ONCE + 2))
    with world.served() as client, heavy_question(client, gate, HEAVY) as heavy:
        for path in LIGHT:
            assert client.get(path).status == 200, path
        assert client.post("/search", {"target": "months"}).json == ["2017-02"]
        world.event("c7", 1_000_000)
        world.commit()
        assert client.ok("/customers/c7")["total"] == "1.000008"
        assert not heavy.done()
        gate.opened.set()
        answer = heavy.result(DEADLINE_SECONDS)
    fields = {one["name"]: one["values"] for one in answer.json[0]["fields"]}
    assert fields["revenue_exact"] == [f"{before / 1_000_000:.6f}"]


def test_the_event_loop_never_waits_for_the_model() -> None:
    """While somebody holds the model, those who need it wait, and nobody else does."""
    world = two_months()
    with world.served() as client, ThreadPoolExecutor(4) as pool:
        with world.model.reading():
            paths = ("/customers/Charlie", "/types", "/metrics", "/api/v1/overview")
            waiting = [pool.submit(client.get, path) for path in paths]
            for path in ("/healthz", "/readyz", "/", "/openapi.json", "/nothing"):
                assert client.get(path).status in (200, 404), path
            assert not any(one.done() for one in waiting)
        assert [one.result(DEADLINE_SECONDS).status for one in waiting] == [200] * 4


@pytest.mark.slow("very many customers")
def test_two_hundred_thousand_customers() -> None:
    """Health and one customer are answered before a heavy question that was asked before them."""
    world = many(200_000)
    targets = [{"target": "totals", "refId": f"A{number}"} for number in range(20)]
    finished: list[str] = []
    with world.served() as client, ThreadPoolExecutor(1) as pool:
        heavy = pool.submit(client.post, "/query", {"targets": targets, "adhocFilters": [EVERYBODY] * 5})
        heavy.add_done_callback(lambda _: finished.append("heavy"))
        for path in ("/healthz", "/customers/c199999", "/customers?limit=1", "/healthz"):
            assert client.get(path).status == 200
            finished.append(path)
        assert not heavy.done()
        assert finished == ["/healthz", "/customers/c199999", "/customers?limit=1", "/healthz"]
    # Nobody waits for it to its end: it ends when the application does.
    with pytest.raises((ConnectionError, OSError)):
        heavy.result(DEADLINE_SECONDS)


def test_the_end_comes_in_time(gate: Gate) -> None:
    """The application stops although a question is under way, and its threads keep no process alive."""
    world = many(MOST_ROWS_AT_ONCE + 1)
    with ThreadPoolExecutor(1) as pool:
        with world.served() as client:
            heavy = pool.submit(client.post, "/query", HEAVY)
            assert gate.reached.wait(DEADLINE_SECONDS)
        assert all(one.daemon for one in threading.enumerate() if "answers" in one.name)
        gate.opened.set()
        with pytest.raises((ConnectionError, OSError)):
            heavy.result(DEADLINE_SECONDS)


NEVER = """
import sys, threading
from exporter.query import asked
from exporter.model import view
view.MOST_ROWS_AT_ONCE = 1
def never(filters, key, value):
    if key == "customer":
        print("reached", flush=True)
        threading.Event().wait()
    return True
asked.passes = never
from qb.__main__ import main
sys.exit(main())
"""


def test_a_signal_ends_the_process_meanwhile() -> None:
    """SIGTERM ends it with exit code 0, although a question is under way that never ends."""
    port = free_port()
    flags = ("--standalone", "--exporter-port", str(port), "--exporter-host", "127.0.0.1")
    process = subprocess.Popen([sys.executable, "-c", NEVER, "export", *flags], stdout=subprocess.PIPE, text=True)
    try:
        wait_until_answering(port)
        threading.Thread(target=_ask_in_vain, args=(port,), daemon=True).start()
        assert process.stdout is not None
        assert process.stdout.readline() == "reached\n"
        assert Client(port).get("/healthz").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()


def _ask_in_vain(port: int) -> None:
    with pytest.raises((ConnectionError, OSError)):
        Client(port).post("/query", HEAVY)


def test_an_answer_that_takes_too_long_is_given_up(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread is free for the next one, and whoever asked is told."""
    monkeypatch.setattr(workers, "MOST_SECONDS", 0.0)
    gate.opened.set()
    with many(MOST_ROWS_AT_ONCE + 1).served() as client:
        assert_problem(client.post("/query", HEAVY), 503, "too_long")


def test_too_many_questions_are_turned_away(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, instead of letting them wait for ever."""
    monkeypatch.setattr(workers, "_MOST_WAITING", 1)
    with many(MOST_ROWS_AT_ONCE + 1).served() as client, ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(client.post, "/query", HEAVY) for _ in range(8)]
        busy = next(one.result() for one in as_completed(futures, DEADLINE_SECONDS))
        problem = assert_problem(busy, 503, "busy")
        assert "too many questions" in problem["message"]
        assert busy.headers["Retry-After"] == "5"
        gate.opened.set()
        assert {one.result(DEADLINE_SECONDS).status for one in futures} == {200, 503}


@pytest.mark.parametrize(
    "body",
    [
        {"targets": [{"target": "totals"}] * 6},
        {"targets": [{"target": "customer", "payload": {"customer": "c1," * 5_000}}]},
        {"targets": [{"target": "customer", "payload": {"customer": ["c1"] * 5_000}}]},
        {"targets": [{"target": "customer", "payload": {"customer": "*"}}]},
        {"targets": [{"target": "customers"}], "adhocFilters": [EVERYBODY] * 100},
        {"targets": [{"target": "invoices", "payload": {"limit": 10_000}}]},
    ],
)
def test_heavy_queries_are_answered(body: dict[str, object]) -> None:
    """Many targets, many values, everybody, many filters: as a light one would be, if it may take its time."""
    world = many(MOST_ROWS_AT_ONCE + 1)
    world.close("2017-02", 1_490_000_000_000)
    with world.served() as client:
        answer = client.post("/query", body)
    assert answer.status == 200, answer.text
    assert answer.json


def test_filters_have_a_limit() -> None:
    """Each is compiled, and each is tried for each customer."""
    with two_months().served() as client:
        answer = client.post("/query", {"targets": [], "adhocFilters": [EVERYBODY] * 101})
        assert_problem(answer, 422, "bad_filter")


def test_what_takes_long_is_refused_at_once() -> None:
    """A view that others wait for says so, instead of sorting or going through everybody."""
    cube = Cube(TypeTable(("MISC",)))
    for number in range(MOST_ROWS_AT_ONCE + 1):
        cube.set_customer(0, "2017-02", f"c{number}", (number, 1))
    view = View(cube, list[Intake](), IssuedInvoices(), 0, at_once=True)
    with pytest.raises(BehindError) as behind:
        view.ranked("2017-02", Sort.TOTAL)
    behind.value.order.bring_up(threading.Lock())
    assert next(view.ranked("2017-02", Sort.TOTAL)) == f"c{MOST_ROWS_AT_ONCE}"
    with pytest.raises(BehindError) as behind:
        view.named("c", "2017-02")
    behind.value.order.bring_up(threading.Lock())
    assert next(view.named("c", "2017-02")) == "c0"
    with pytest.raises(HeavyQuestionError):
        view.expect(MOST_ROWS_AT_ONCE + 1)
    view.expect(MOST_ROWS_AT_ONCE)


def test_a_still_state_does_not_change() -> None:
    """What was lent stays as it was, whatever happens to the sums afterwards: changed, new and gone customers."""
    world = two_months()
    still = ask_at_length(world.model, lambda view: view)
    told = json.dumps(_told(still))
    world.event("Alice", 5, "CALL")
    world.event("Newcomer", 7, "DATA")
    world.committed.reject("malformed")
    world.commit()
    world.close("2017-02", 1_490_000_000_000)
    assert json.dumps(_told(still)) == told
    with world.model.reading() as view:
        assert view.is_customer("Newcomer")
        assert json.dumps(_told(view)) != told


def _told(view: View) -> dict[str, object]:
    return {
        "months": {
            month: [
                view.month_sums(month), dict(view.customers(month)), view.active_customers(month, 1),
                list(view.ranked(month, Sort.TOTAL)), list(view.named("", month)),
                [one.number for one in view.invoices.page(month, 0)], view.status(month),
            ]
            for month in view.months()
        },
        "names": list(view.named("")),
        "newcomer": view.is_customer("Newcomer"),
        "hours": view.hours(0, 10**14),
        "next_offsets": view.next_offsets(),
        "rejected": view.rejected(),
    }  # fmt: skip
