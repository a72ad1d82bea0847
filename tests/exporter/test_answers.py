"""A remembered answer is the one that would be made, and is forgotten with its state."""

import pytest
from aiohttp import web

from exporter.rest import answers
from exporter.rest.answers import Answers
from exporter.rest.documents import Documents
from tests.exporter.world import two_months


def test_the_same_question_is_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Body and headers are the same; a further commit, month or customer is another question."""
    made: list[str] = []
    customer = Documents.customer

    def counting(documents: Documents, name: str, month: str, sums: tuple[int, ...]) -> object:
        made.append(name)
        return customer(documents, name, month, sums)

    monkeypatch.setattr(Documents, "customer", counting)
    world = two_months()
    with world.served() as client:
        first, again = client.get("/customers/Alice"), client.get("/customers/Alice")
        assert made == ["Alice"]
        assert (first.status, first.body) == (again.status, again.body)
        assert {name: value for name, value in first.headers.items() if name != "Date"} == {
            name: value for name, value in again.headers.items() if name != "Date"
        }
        assert client.get("/customers/Alice", If_None_Match=first.headers["ETag"]).status == 304
        assert client.ok("/customers/Alice?month=2017-01")["total"] == "8.000000"
        assert client.ok("/customers/Bob")["customer"] == "Bob"
        before = client.ok("/customers/Alice")["count"]
        world.event("Alice", 1, "CALL")
        world.commit()
        assert client.ok("/customers/Alice")["count"] == before + 1
        world.model.stop("the test says so")
        assert client.get("/customers/Alice").status == 503


def test_they_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of one version nor of many."""
    monkeypatch.setattr(answers, "MOST_ANSWERS", 3)
    remembered = Answers()
    for asked, version in (("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 2)):
        remembered.remember(asked, version, web.Response(body=b"x"))
        assert len(remembered.known) <= 3
    assert remembered.find("d", 1) is None
    found = remembered.find("e", 2)
    assert found is not None
    assert found.body == b"x"
