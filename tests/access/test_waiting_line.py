"""Whose credentials are looked at next: addresses take turns, and whoever shows the same again comes first."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.access.basic import BasicCredentials, network_of, parse_basic
from billing.access.waiting_line import WaitingLine
from billing.runtime.access.gate import TooManyAttemptsError
from billing.runtime.access.password_checks import PasswordChecks


def line_of(*asked: tuple[str, str], room: int = 8) -> tuple[WaitingLine, list[str]]:
    """A line after these have asked, and who gave way."""
    line, left = WaitingLine(room, 100), []
    for address, name in asked:
        line.ask(name.encode())
        if name.encode() not in line and (leaving := line.add(name.encode(), address)):
            left.append(leaving.decode())
    return line, left


def taken(line: WaitingLine) -> str:
    return " ".join(line.take().decode() for _ in range(len(line)))


def test_addresses_take_turns() -> None:
    """However many of one address wait, the first of another is the second to be looked at."""
    line, left = line_of(("a", "1"), ("a", "2"), ("a", "3"), ("b", "4"), ("b", "5"), ("c", "6"))
    assert (taken(line), left) == ("1 4 6 2 5 3", [])


def test_who_asks_again_comes_first() -> None:
    """Of one address; the others as they came."""
    line, _ = line_of(("a", "1"), ("a", "2"), ("a", "3"), ("a", "3"), ("a", "3"), ("a", "2"))
    assert taken(line) == "3 2 1"


def test_the_address_with_most_gives_one_up() -> None:
    """The newest of those that have asked least."""
    line, left = line_of(("a", "1"), ("a", "2"), ("a", "2"), ("b", "3"), ("a", "4"), room=3)
    assert (left, taken(line)) == (["4"], "2 3 1")
    line, left = line_of(("a", "1"), ("a", "2"), ("b", "3"), ("b", "4"), ("b", "4"), ("b", "5"), room=4)
    assert left == ["5"]


def test_who_gave_way_is_known_when_they_come_back() -> None:
    """At their second try nobody who asks for the first time is before them."""
    guesses = [("a", str(number)) for number in range(20)]
    line, left = line_of(*guesses, ("a", "me"), ("a", "20"), ("a", "me"), room=4)
    assert left.count("me") == 1
    assert line.take() == b"me"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("0123456789"))), st.integers(1, 5))
def test_nobody_is_lost(asked: list[tuple[str, str]], room: int) -> None:
    """Whoever asks waits or gives way, once; the line never has more than its room."""
    line, left = line_of(*asked, room=room)
    waiting = taken(line).split()
    assert len(waiting) == len(set(waiting)) <= room
    assert {name for _, name in asked} == {*waiting, *left}
    with pytest.raises(StopIteration):
        line.take()


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        ("YTpi", BasicCredentials("a", b"b")),
        ("YTpiOmM=", BasicCredentials("a", b"b:c")),
        ("Og==", BasicCredentials("", b"")),
        ("YTpi\n", None),
        ("YTpiOmM", None),
        ("YQ==", None),
        ("/zpi", None),
        ("", None),
        ("a:b", None),
        ("é", None),
    ],
)
def test_basic_credentials(text: str, credentials: BasicCredentials | None) -> None:
    """As RFC 7617 has them; the name in UTF-8."""
    assert parse_basic(text) == credentials


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_counts_for_its_network(address: str, network: str) -> None:
    """One who has a network of IPv6 has more addresses than there are turns."""
    assert network_of(address) == network


def test_the_same_credentials_are_looked_at_once() -> None:
    """However many ask with them at the same time; the others wait, and who finds no room is told to come again."""
    seen, may_go_on = [], threading.Event()

    def check(password: bytes, _: str) -> bool:
        may_go_on.wait(60)
        seen.append(password)
        return password == b"right"

    async def ask() -> list[bool | BaseException]:
        checks = PasswordChecks(check, room=2)
        asked = [checks.check(word, "a", word, "") for word in (b"x", b"right", b"right", b"y", b"z", b"right")]
        answers = asyncio.gather(*asked, return_exceptions=True)
        await asyncio.sleep(0)
        may_go_on.set()
        return await answers

    x, first, second, y, z, third = asyncio.run(ask())
    assert (x, first, second, y, third) == (False, True, True, False, True)
    assert isinstance(z, TooManyAttemptsError)
    assert seen == [b"x", b"right", b"y"]


def test_a_hash_that_bcrypt_refuses_lets_nobody_in() -> None:
    """And whoever comes next is looked at."""

    def check(password: bytes, _: str) -> bool:
        if password == b"bad":
            raise ValueError
        return True

    async def ask() -> list[bool]:
        checks = PasswordChecks(check)
        return [await checks.check(word, "a", word, "") for word in (b"bad", b"good")]

    assert asyncio.run(ask()) == [False, True]
