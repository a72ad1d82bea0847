"""The parts meet at a topic or over HTTP and never in an import: read from the sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("generator", "processor", "invoicer", "budgets", "notifier", "exporter")
SHARED = {"billing", "broker"}
OURS = {*SHARED, "qb", "tests", "benchmarks", *PARTS}
MAY_IMPORT = {
    "billing": {"billing"},
    "broker": {"billing", "broker"},
    **{part: {"billing", part} for part in PARTS},
    "qb": {*SHARED, "qb", *PARTS},
}
# The rooms of the exporter, and which others each may import: one way, from what is known to what is served.
ROOMS: dict[str, set[str]] = {
    "kernel": set(),
    "model": {"kernel"},
    "web": {"model"},
    "query": {"model", "web"},
    "rest": {"model", "web", "query"},
    "datasource": {"model", "web", "query"},
    "metrics": {"model", "web"},
    "feeds": {"model"},
    "application": {"model", "web", "rest", "datasource", "metrics"},
}
# What talks to a network, a process or a thread. Settings are read with os, socket (the host's name) and pathlib.
DOING = {"aiohttp", "asyncio", "confluent_kafka", "http", "jgo", "quixstreams", "requests", "select", "shutil",
         "signal", "socket", "subprocess", "tempfile", "threading", "urllib"}  # fmt: skip
EXCEPTIONS = {("billing/settings.py", "socket")}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            yield node.module or ""


def top(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_a_part_imports_only_what_it_may(folder: str) -> None:
    """The shared domain knows no part, no part knows another, and only the command line knows all."""
    assert sources(folder)
    strays = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(folder)
        for module in imports(path)
        if top(module) in OURS - MAY_IMPORT[folder]
    }
    assert not strays


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_the_rooms_of_the_exporter_depend_one_way(room: str) -> None:
    """What is shared knows nothing of what shares it; REST and the data source do not know each other."""
    paths = sources(f"exporter/{room}") or [ROOT / "exporter" / f"{room}.py"]
    strays = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in paths
        for module in imports(path)
        if module.startswith("exporter.") and module.split(".")[1] not in {room, *ROOMS[room]}
    }
    assert not strays


def test_every_room_of_the_exporter_has_its_rule() -> None:
    """A new folder needs a place in the order."""
    folders = {path.parent.relative_to(ROOT / "exporter").parts[0] for path in (ROOT / "exporter").glob("*/*.py")}
    assert folders == set(ROOMS) - {"application"}


def test_the_domain_does_nothing() -> None:
    """Outside billing/runtime nothing of billing does I/O or knows the runtime."""
    strays = {
        f"{name} imports {module}"
        for path in sources("billing")
        for name in [str(path.relative_to(ROOT))]
        if not name.startswith("billing/runtime/")
        for module in imports(path)
        if (top(module) in DOING and (name, top(module)) not in EXCEPTIONS) or module.startswith("billing.runtime")
    }
    assert not strays


def test_only_the_processor_knows_quix() -> None:
    """Its internals are behind one adapter, and nobody else sees it."""
    users = {path.relative_to(ROOT).parts[0] for folder in MAY_IMPORT for path in sources(folder)
             if any(top(module) == "quixstreams" for module in imports(path))}  # fmt: skip
    assert users <= {"processor"}


def test_every_module_says_what_it_is_for() -> None:
    """Each file that holds anything begins with a docstring."""
    silent = {
        str(path.relative_to(ROOT))
        for folder in MAY_IMPORT
        for path in sources(folder)
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert not silent


def log_calls(path: Path) -> Iterator[ast.Call]:
    """Whatever is called on a `logger` in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "logger"
        ):
            yield node


def is_constant_with_facts(call: ast.Call) -> bool:
    """Whether the message is a text that nothing is put into, and all else has a name."""
    message = call.args[0] if len(call.args) == 1 else None
    if not isinstance(message, ast.Constant) or not isinstance(message.value, str):
        return False
    return not set("%{}\n=") & set(message.value) and all(fact.arg for fact in call.keywords)


def test_log_messages_are_constant() -> None:
    """What changes is a fact with a name: lines of one kind can be counted, and no value is read as a template."""
    calls = [(path, call) for folder in MAY_IMPORT for path in sources(folder) for call in log_calls(path)]
    assert len(calls) > 40
    assert not [f"{path.relative_to(ROOT)}:{call.lineno}" for path, call in calls if not is_constant_with_facts(call)]


@pytest.mark.parametrize(
    ("code", "right"),
    [
        ('logger.info("month closed", month=month)', True),
        ('logger.info("month closed")', True),
        ('logger.info(f"month {month} closed")', False),
        ('logger.info("month %s closed", month)', False),
        ('logger.info("month closed month=%s" % month)', False),
        ('logger.info("month {} closed".format(month))', False),
        ('logger.info("month closed " + month)', False),
        ('logger.info("month closed", **facts)', False),
        ("logger.info(text)", False),
    ],
)
def test_a_message_that_is_not_constant_is_seen(code: str, right: bool) -> None:
    """The check above can fail."""
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert is_constant_with_facts(call) is right


def test_there_is_one_way_to_log() -> None:
    """Loggers come from billing.runtime.logs and are called `logger`; nobody else knows a logging library."""
    strays = {
        str(path.relative_to(ROOT))
        for folder in MAY_IMPORT
        for path in sources(folder)
        if {"logging", "structlog"} & {top(module) for module in imports(path)}
        or re.search(r"^(?!logger\b)\w+ = get_logger\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert strays == {"billing/runtime/logs.py"}


def test_every_kafka_client_logs_in_the_one_form() -> None:
    """The options of all clients come from client_config, which holds the logger; the others are named here."""
    made_elsewhere = {
        str(path.relative_to(ROOT))
        for folder in MAY_IMPORT
        for path in sources(folder)
        for text in [path.read_text(encoding="utf-8")]
        if re.search(r"\b(?:Consumer|Producer|AdminClient)\(\{?", text)
        and not re.search(r"client_config|reader_config|_config\(|reader_options|logger=", text)
    }
    assert not made_elsewhere


# Where an attribute of another object is set, and why that is no wiring after the making.
SET_ELSEWHERE = {
    "billing/runtime/listener_probe.py": "a TLS context takes its options by them",
    "billing/runtime/logs.py": "the standard library's logger has no other switch",
    "billing/runtime/access/tls.py": "an SSL context has no other switches",
    "billing/runtime/access/openssl.py": "a number that OpenSSL must repeat, and the types that ctypes is told",
    "billing/runtime/signals.py": "the signal handler's flag",
    "processor/quix_adapter.py": "an assignment takes its offsets by them, as librdkafka wants it",
    "processor/quix_commit.py": "a thread becomes a daemon by it",
    "processor/state_log.py": "options of RocksDB are set so",
    "processor/worker.py": "a tally of its own",
    "exporter/model/cube.py": "a copy that is being made, and months that belong to the cube",
    "exporter/model/intake.py": "the books that belong to the intake",
    "exporter/model/invoices.py": "a copy that is being made, and months that belong to the invoices",
    "exporter/query/filters.py": "RE2 takes its options by them",
    "qb/audit/audit.py": "the findings that belong to the audit",
    "qb/demo/screen.py": "rich takes a table's width by it",
    "qb/demo/supervisor.py": "what is watched belongs to the supervisor",
}


def set_elsewhere(path: Path) -> Iterator[str]:
    """Each assignment of a file to an attribute of something other than `self`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            for one in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                own = isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "self"
                if isinstance(one, ast.Attribute) and not own:
                    yield f"{path.relative_to(ROOT)}:{one.lineno} sets {ast.unparse(one)}"


def test_objects_are_wired_when_they_are_made() -> None:
    """Nobody sets an attribute of somebody else later, but for the places that are named with their reason."""
    found = {
        str(path.relative_to(ROOT)): list(set_elsewhere(path)) for folder in MAY_IMPORT for path in sources(folder)
    }
    assert not [line for name, lines in found.items() if name not in SET_ELSEWHERE for line in lines]
    assert not [name for name in SET_ELSEWHERE if not found.get(name)]


def test_one_module_asks_where_partitions_begin_and_end() -> None:
    """Which records a partition holds, or only markers, has one answer."""
    askers = {str(path.relative_to(ROOT)) for folder in MAY_IMPORT for path in sources(folder)
              if ".list_offsets(" in path.read_text(encoding="utf-8")}  # fmt: skip
    assert askers == {"billing/runtime/partition_bounds.py"}


# How many files a newcomer needs for an answer, at most.
MOST_FILES = {
    "where an amount is rounded": 1,
    "where a late event is counted": 1,
    "where `/metrics` gets its money": 3,
    "where a commit is made atomic": 2,
    "when a month is due": 3,
    "where an event gets another field": 4,
    "where a REST path is added": 3,
}


def where_to_look() -> dict[str, list[str]]:
    """The files of each question in CONTRIBUTING.md, folders included."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Where to look\n", 1)[1].split("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")][1:]
    return {question.strip(): re.findall(r"`([\w./]+)`", files) for question, files in cells}


def test_an_answer_needs_few_files() -> None:
    """Each question of CONTRIBUTING.md names files that exist, and no more than it may."""
    answers = where_to_look()
    assert list(answers) == list(MOST_FILES)
    assert not [file for files in answers.values() for file in files if not (ROOT / file).exists()]
    assert not {question: files for question, files in answers.items() if not 1 <= len(files) <= MOST_FILES[question]}


# What rounds decimals, or halves a divisor to round integers. The audit has arithmetic of its own on purpose.
ROUNDS = re.compile(r"ROUND_[A-Z]+|\.quantize\(|// 2\) //|// \(2 \*")


def test_amounts_are_rounded_in_one_place() -> None:
    """A second place could round another way."""
    others = [
        path for folder in MAY_IMPORT for path in sources(folder) if not path.is_relative_to(ROOT / "qb" / "audit")
    ]
    rounding = {str(path.relative_to(ROOT)) for path in others if ROUNDS.search(path.read_text(encoding="utf-8"))}
    assert rounding == {"billing/money.py"}


def test_late_events_are_counted_in_one_place() -> None:
    """Whether an event is late is asked of the watermark before it, once."""
    asking = {str(path.relative_to(ROOT)) for path in sources("processor")
              if re.search(r"[-<>] *(?:\w+\.)?out_of_orderness_ms", path.read_text(encoding="utf-8"))}  # fmt: skip
    assert asking == {"processor/kernel/table.py"}


def test_no_part_imports_the_broker() -> None:
    """Apache Kafka is run for demos and tests; no part may need that it is."""
    users = {path.relative_to(ROOT).parts[0] for folder in MAY_IMPORT for path in sources(folder)
             if any(top(module) == "broker" for module in imports(path))}  # fmt: skip
    assert users == {"broker", "qb"}
