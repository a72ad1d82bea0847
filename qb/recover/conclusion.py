"""What to do about all findings together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from qb.recover.facts import Facts, Names
from qb.recover.remedies import REMEDIES, RUNBOOK
from qb.recover.rules import Finding, Kind

_RANK = list(Kind)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What all findings come to.

    Args:
        kind: the most severe kind that was found.
        sentence: what it means.
        steps: what to do, in order; empty if there is nothing to do.
        section: the section of the runbook.
        offsets: input partition -> what the group's offset is to be; empty unless that is the remedy.
    """

    kind: Kind
    sentence: str
    steps: tuple[str, ...]
    section: str
    offsets: dict[int, int]

    @property
    def is_right(self) -> bool:
        """Whether there is nothing to do."""
        return self.kind in (Kind.RIGHT, Kind.NOT_COUNTED)


def conclude(findings: Sequence[Finding], facts: Facts, names: Names) -> Conclusion:
    """Return what the findings come to: the most severe one decides, and offsets are set only if none is worse."""
    kind = max((finding.kind for finding in findings), key=_RANK.index, default=Kind.NOT_COUNTED)
    sentence, steps, section = REMEDIES[kind](facts, names)
    offsets = {finding.partition: finding.offset for finding in findings if finding.offset is not None}
    return Conclusion(kind, sentence, steps, f"{RUNBOOK}#{section}", offsets if kind is Kind.SET_OFFSET else {})
