"""Keys, passwords and tokens that come over HTTP are shown nowhere, whether they are right or wrong."""

import base64
import re
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import bcrypt
import pytest

from qb.cli import main
from tests.access.forked import ForkedQb

PASSWORD = "canary-of-alice-9f3e"
WRONG = "canary-of-nobody-9f3e"
PATIENCE_SECONDS = 240.0
PATHS = ("/", "/metrics", "/openapi.json", "/readyz", "/healthz", "/whoami", "/customers", "/none")


def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def answered(url: str, authorization: str) -> tuple[int, str]:
    request = Request(url, headers={"Authorization": authorization, "Accept": "application/json"})
    try:
        with urlopen(request, timeout=120) as answer:
            return answer.status, f"{answer.headers}{answer.read().decode('utf-8', 'replace')}"
    except HTTPError as error:
        with error:
            return error.code, f"{error.headers}{error.read().decode('utf-8', 'replace')}"


@pytest.mark.timeout(900)
def test_no_credential_is_shown(forked_qb: ForkedQb, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In no answer, metric or log line, at the level DEBUG; nor are the hashes of the right ones."""
    keys = tmp_path / "keys.yml"
    assert main(["keys", "add", "reader", "--scope", "admin", "--keys-file", str(keys)]) == 0
    (key,) = re.findall(r"qbk_[0-9A-Za-z]{46}", capsys.readouterr().out)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users:\n  alice: {hashed}\n")
    environment = {"QB_LOG_LEVEL": "DEBUG", "QB_EXPORTER_PORT": "0", "QB_KEYS_FILE": str(keys),
                   "QB_WEB_CONFIG_FILE": str(web)}  # fmt: skip
    started = forked_qb.start(["export", "--standalone"], environment)
    url = started.exporter_url(PATIENCE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while answered(f"{url}/readyz", f"Bearer {key}")[0] != 200:
        assert time.monotonic() < deadline, started.text
        time.sleep(0.05)
    wrong_key = f"qbk_{WRONG.replace('-', '')}"
    right = (f"Bearer {key}", basic("alice", PASSWORD))
    wrong = (f"Bearer {wrong_key}", f"Bearer a.{WRONG}.b", basic("alice", WRONG), basic(WRONG, "x"), f"Digest {WRONG}")
    answers = {sent: [answered(f"{url}{path}", sent) for path in PATHS] for sent in (*right, *wrong)}
    started.end()
    statuses = {sent: told[PATHS.index("/customers")][0] for sent, told in answers.items()}
    assert [statuses[sent] for sent in right] == [200, 200]
    assert {statuses[sent] for sent in wrong} == {401}
    sent_texts = [one.partition(" ")[2] for one in (*right, *wrong)]
    texts = [text for told in answers.values() for _, text in told] + [started.text]
    for secret in (*sent_texts, PASSWORD, WRONG, hashed, key):
        assert not [text for text in texts if secret in text], secret
