"""The parts meet at a topic or over HTTP and never in an import: read from the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("generator", "processor", "invoicer", "exporter")
SHARED = {"billing", "broker"}
OURS = {*SHARED, "qb", "tests", "benchmarks", *PARTS}
MAY_IMPORT = {
    "billing": {"billing"},
    "broker": {"billing", "broker"},
    **{part: {"billing", part} for part in PARTS},
    "qb": {*SHARED, "qb", *PARTS},
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
