"""Sets the group's offsets to where State counts: the one remedy that `qb recover` carries out itself."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from billing.errors import OperatorError
from qb.recover.conclusion import Conclusion, conclude
from qb.recover.facts import Facts, Names
from qb.recover.rules import judge_all


class NotAppliedError(OperatorError):
    """Nothing was set: the message says why and what to do."""


class Offsets(Protocol):
    """The group's offsets of the input."""

    def offsets(self) -> Mapping[int, int]:
        """Return the committed offset of each input partition that has one."""
        ...

    def set_offsets(self, offsets: Mapping[int, int]) -> None:
        """Set them."""
        ...


def apply_offsets(
    conclusion: Conclusion, read: Callable[[], Facts], names: Names, group: Offsets, folders: Sequence[Path] = ()
) -> dict[int, int]:
    """Set the offsets of a conclusion and return what the group has afterwards.

    1. Everything is read again: what was shown must still be so, and the group must have no members.
    2. Folders of State are deleted. A processor that starts now finds the offsets still wrong and stops.
    3. The offsets are set, all in one request.
    4. They are read back.

    Args:
        conclusion: what was shown.
        read: reads the facts anew.
        names: what they are of.
        group: whose offsets are set.
        folders: folders of State to delete; the next start makes them from the changelog.

    Raises:
        OperatorError: a folder can't be deleted; nothing was set.
        NotAppliedError: nothing was set, or the group does not say what was set.
        KafkaException: the broker refuses.
    """
    facts = read()  # 1.
    if facts.members:
        raise NotAppliedError(
            f"nothing was set: the group {names.group} has members ({', '.join(facts.members)}); stop all processors, "
            "wait up to 10 seconds and run it again"
        )
    if conclude(judge_all(facts, names), facts, names).offsets != conclusion.offsets:
        raise NotAppliedError("nothing was set: what was found has changed meanwhile; look at it again")
    delete_state(folders)  # 2.
    group.set_offsets(conclusion.offsets)  # 3.
    now = dict(group.offsets())  # 4.
    if different := {p: now.get(p) for p, offset in conclusion.offsets.items() if now.get(p) != offset}:
        raise NotAppliedError(f"the group {names.group} does not have what was set, but {different}; run it again")
    return now


def delete_state(folders: Sequence[Path]) -> None:
    """Delete folders of State of this machine.

    Raises:
        OperatorError: a folder can't be deleted.
    """
    for folder in folders:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise OperatorError(f"{folder} can't be deleted: {error.strerror or error}; delete it by hand") from error
