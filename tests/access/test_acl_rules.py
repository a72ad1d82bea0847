"""The table of rights: each part has its own, the documentation shows them, and `qb topics --acls` prints commands."""

import shlex

import pytest

from billing.acl_rules import PARTS, Kind, Operation, rights_of
from billing.settings import ALL, Settings
from processor.moving.writer import transactional_id
from qb.cli import main
from qb.docs import SECURITY_PAGE
from qb.topics.acls_page import with_rights

SCOPES = [Settings(instance="any", dedup_scope=scope) for scope in ("partition", "topic")]


def test_each_part_has_a_row() -> None:
    """And nobody else."""
    assert set(PARTS) == set(ALL)


def test_the_page_has_the_table() -> None:
    """docs/security.md is what the rules say now."""
    page = SECURITY_PAGE.read_text(encoding="utf-8")
    assert with_rights(page) == page, "stale: run `python -m qb.docs`"
    assert page.count("| `process` | topic `billing.subtotals` | Write, DescribeConfigs |") == 1


@pytest.mark.parametrize("settings", SCOPES, ids=lambda settings: settings.dedup_scope)
def test_money_is_written_by_few(settings: Settings) -> None:
    """Sums by the processor, the ledger by the invoicer, and nobody but who sets topics up may change topics."""
    writers: dict[str, set[str]] = {}
    for part in PARTS:
        for right in rights_of(part, settings):
            if Operation.WRITE in right.operations and right.thing.kind is Kind.TOPIC:
                writers.setdefault(right.thing.name, set()).add(part)
            setting_up = {Operation.CREATE, Operation.ALTER, Operation.ALTER_CONFIGS} & {*right.operations}
            assert not setting_up or part == "topics"
    assert writers[settings.subtotals_topic] == {"process"}
    assert writers[settings.rejected_topic] == {"process"}
    assert writers[settings.invoices_topic] == {"invoice"}
    assert writers[settings.notifications_topic] == {"budgets", "notify"}
    assert writers[settings.input_topic] == {"generate", "replay"}


def test_names_are_those_of_the_clients() -> None:
    """A transactional id that a processor uses is within its right."""
    settings = SCOPES[1]
    beginnings = [
        right.thing.name for right in rights_of("process", settings) if right.thing.kind is Kind.TRANSACTIONAL_ID
    ]
    assert any(transactional_id(settings).startswith(one) for one in beginnings)


def test_commands_are_printed_for_one_part(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names that the settings give, quoted for a shell, to whom one says."""
    flags = ["--subtotals-topic", "my.sums", "--consumer-group", "my group"]
    assert main(["topics", "--acls", "process", "--principal", "User:CN=a b", *flags]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "# process"
    words = [shlex.split(line) for line in lines]
    assert all(one[0] == "kafka-acls.sh" and one[one.index("--allow-principal") + 1] == "User:CN=a b" for one in words)
    assert any("my.sums" in one for one in words)
    assert any("my group" in one for one in words)
    assert any("prefixed" in one for one in words)


def test_commands_are_printed_for_all_parts(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with a user of its own name; one user for all would be no least privilege, so that is refused."""
    assert main(["topics", "--acls"]) == 0
    out = capsys.readouterr().out
    for part in PARTS:
        assert f"# {part}\n" in out
        assert f"--allow-principal User:{part} " in out
    assert main(["topics", "--acls", "--principal", "User:all"]) == 1
    assert "name the part" in capsys.readouterr().err
