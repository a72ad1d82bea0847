"""A thousand wrong passwords a second leave the right ones answered."""

import base64
import http.client
import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import bcrypt
import pytest

from tests.access.test_served import served

# A minute is what is promised: set 60 to see it.
GUESSING_SECONDS = 5
PER_SECOND = 1_000
DEADLINE_SECONDS = 120

# user0 and user1 are guessed at too. The cost is the one that the documentation names.
USERS = ("user0", "user1", "late", "elsewhere")


def status(port: int, user: str, address: str = "127.0.0.1") -> int:
    """Return what is answered to a user's right password."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(address, 0))) as connection:
        token = base64.b64encode(f"{user}:right".encode()).decode()
        connection.request("GET", "/metrics", headers={"Authorization": f"Basic {token}"})
        return connection.getresponse().status


def tries_until_let_in(port: int, user: str, address: str = "127.0.0.1") -> int:
    """Return at which try a right password is let in; each before is told to try again, never that it is wrong."""
    deadline, tries = time.monotonic() + DEADLINE_SECONDS, 1
    while (found := status(port, user, address)) != 200:
        assert found == 429
        assert time.monotonic() < deadline
        tries += 1
        time.sleep(0.2)
    return tries


@pytest.mark.slow("whose password is looked at next")
@pytest.mark.timeout(300)
def test_right_passwords_are_answered_while_others_guess(tmp_path: Path) -> None:
    """One that is remembered at each try; one that is shown for the first time, from wherever, at one of its first."""
    password_hash = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
    users = "".join(f"  {user}: '{password_hash}'\n" for user in USERS)
    with served(tmp_path, f"basic_auth_users:\n{users}") as part:
        assert status(part.port, "user0") == 200
        command = [sys.executable, "-m", "tests.access.guesser", *map(str, (part.port, PER_SECOND, GUESSING_SECONDS))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as guesser:
            try:
                first_tries = [
                    tries_until_let_in(part.port, "elsewhere", "127.0.0.2"),
                    tries_until_let_in(part.port, "late"),
                    tries_until_let_in(part.port, "user1"),
                ]
                remembered = 0
                while guesser.poll() is None:
                    assert {status(part.port, user) for user in USERS} == {200}
                    remembered += 1
                    time.sleep(0.05)
                assert guesser.stdout is not None
                statuses = json.loads(guesser.stdout.read())
            finally:
                guesser.kill()
    assert statuses.keys() <= {"401", "429"}
    assert sum(statuses.values()) == PER_SECOND * GUESSING_SECONDS
    assert statuses["401"] > 0
    assert remembered > 0
    # Nobody who guesses shows the same twice, so whoever does is next.
    assert max(first_tries) <= 10, first_tries
