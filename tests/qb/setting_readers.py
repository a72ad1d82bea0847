"""Which settings a command reads, found in the sources: what its ``run`` reaches, definition by definition."""

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from billing.settings import Settings
from qb.cli import COMMANDS

ROOT = Path(__file__).parent.parent.parent
OURS = ("billing", "broker", "generator", "processor", "invoicer", "budgets", "notifier", "exporter", "qb")
HOLDERS = {"settings", "_settings"}
SETTINGS_MODULE = "billing.settings"

Definition = tuple[str, str]


@dataclass(frozen=True)
class Module:
    """A module's definitions, and what its names stand for elsewhere."""

    bodies: dict[str, ast.stmt] = field(default_factory=dict)
    imported: dict[str, Definition] = field(default_factory=dict)


def settings_read_by(command: str) -> set[str]:
    """Return the settings that the command line, or what a command's ``run`` reaches, asks for."""
    module = next(one.module for one in COMMANDS if one.name == command)
    waiting = [(module, "run")]
    seen, read = set[Definition](), _read_in(("qb.cli", "_run"))
    while waiting:
        definition = waiting.pop()
        if definition in seen or definition[0] == SETTINGS_MODULE:
            continue
        seen.add(definition)
        read |= _read_in(definition)
        waiting += _reached_from(definition)
    return read


def _read_in(definition: Definition) -> set[str]:
    body = _module(definition[0]).bodies.get(definition[1])
    asked = {node.attr for node in ast.walk(body) if isinstance(node, ast.Attribute) and _holds_settings(node.value)} \
        if body else set()  # fmt: skip
    return {setting for name in asked for setting in _behind(name)}


def _holds_settings(value: ast.expr) -> bool:
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return name in HOLDERS


def _behind(name: str) -> set[str]:
    """The settings that a field of the model, or one of its properties, stands for."""
    if name in Settings.model_fields:
        # What the file of options holds is among the options.
        return {name, "kafka_file"} if name == "kafka" else {name}
    properties = _module(SETTINGS_MODULE).bodies["Settings"]
    for node in ast.walk(properties):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)} & set(Settings.model_fields)
    return set()


def _reached_from(definition: Definition) -> list[Definition]:
    name, module = definition[0], _module(definition[0])
    body = module.bodies.get(definition[1])
    used = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)} if body else set()
    own = [(name, one) for one in used if one in module.bodies]
    return own + [module.imported[one] for one in used if one in module.imported]


@cache
def _module(name: str) -> Module:
    path = ROOT / Path(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    module = Module()
    if not file.exists():
        return module
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        module.bodies.update(dict.fromkeys(_names(node), node))
    for inner in ast.walk(tree):
        if isinstance(inner, ast.ImportFrom) and (inner.module or "").split(".")[0] in OURS:
            for alias in inner.names:
                module.imported[alias.asname or alias.name] = (inner.module or "", alias.name)
    return module


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
