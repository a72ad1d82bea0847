"""The table of rights in docs/security.md, made from the rules."""

from collections.abc import Iterator

from billing.acl_rules import PARTS, Kind, Operation, Right, Thing, rights_of
from billing.settings import Settings

_BEGIN = "<!-- rights: made from billing/acl_rules.py by `python -m qb.docs`: change that and run it again -->\n"
_END = "<!-- end of rights -->\n"
_HEADER = """\
| part | thing | may | what for |
|---|---|---|---|
"""


def with_rights(page: str) -> str:
    """Return a page with the table of rights as the rules have it now, between its two marks."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{render_rights()}{_END}{after}"


def render_rights() -> str:
    """Return the table as Markdown: the rights of each part, and those that moving records takes more."""
    return _HEADER + "".join(line for part in PARTS for line in _lines(part))


def _lines(part: str) -> Iterator[str]:
    plain = rights_of(part, Settings(instance="any"))
    moving = rights_of(part, Settings(instance="any", dedup_scope="topic"))
    known = {right.thing: right for right in plain}
    for right in plain:
        yield _line(part, right)
    for right in moving:
        before = known.get(right.thing)
        operations = tuple(one for one in right.operations if before is None or one not in before.operations)
        if operations:
            yield _line(part, Right(right.thing, operations, f"`dedup_scope: topic`: {right.why}"))


def _line(part: str, right: Right) -> str:
    return f"| `{part}` | {_thing(right.thing)} | {_operations(right.operations)} | {right.why} |\n"


def _thing(thing: Thing) -> str:
    if thing.kind is Kind.CLUSTER:
        return "the cluster"
    return f"{thing.kind.replace('-', ' ')} `{thing.name}{'*' if thing.begins else ''}`"


def _operations(operations: tuple[Operation, ...]) -> str:
    return ", ".join(operations)
