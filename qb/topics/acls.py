"""`qb topics --acls`: the commands that give parts their rights, from the table of rights."""

from collections.abc import Iterator
from shlex import quote

from billing.acl_rules import PARTS, Kind, Right, Thing, rights_of
from billing.errors import OperatorError
from billing.settings import Settings

ALL_PARTS = "all"


def print_commands(settings: Settings, part: str, principal: str | None = None) -> None:
    """Print the commands of a part, or of all, each to be run once by whoever may give rights.

    Args:
        settings: the names of topics and group.
        part: one of `PARTS`, or `ALL_PARTS`.
        principal: who gets the rights; None is the user with the part's name.

    Raises:
        OperatorError: a principal is given for all parts at once.
    """
    if part == ALL_PARTS and principal is not None:
        raise OperatorError("--principal gives one part its user: name the part, as in --acls process")
    parts = PARTS if part == ALL_PARTS else (part,)
    for one in parts:
        print(f"# {one}")
        for line in commands(settings, one, principal or f"User:{one}"):
            print(line)


def commands(settings: Settings, part: str, principal: str) -> Iterator[str]:
    """Yield a command for each right of a part; `admin.properties` is the file of whoever may give rights."""
    for right in rights_of(part, settings):
        yield (
            f"kafka-acls.sh --bootstrap-server {quote(settings.bootstrap_servers)} --command-config admin.properties "
            f"--add --allow-principal {quote(principal)} {_thing(right.thing)} {_operations(right)}"
        )


def _thing(thing: Thing) -> str:
    if thing.kind is Kind.CLUSTER:
        return "--cluster"
    pattern = " --resource-pattern-type prefixed" if thing.begins else ""
    return f"--{thing.kind} {quote(thing.name)}{pattern}"


def _operations(right: Right) -> str:
    return " ".join(f"--operation {operation}" for operation in right.operations)
