"""Which of several writers may have a ledger: the one that claimed it last.

Kafka's fencing alone does not tell who is the newer one: a writer that lost its session to a restarting broker takes
the ledger over as one that was just started does. So each writes a name of its own where the others find it, in a
transaction, once per session. One that comes back and finds the name of another that came later leaves.
"""

import secrets

from billing.errors import OperatorError

UNCLAIMED = ""


class FencedError(OperatorError):
    """Another writer has taken over the ledger: this one must end."""


class Claim:
    """The claim of one writer on a ledger, over all of its sessions.

    One that is fenced before it could claim may try again: nobody has the right to the ledger before it has claimed it.
    So two of them can't fence each other for ever: as soon as either has claimed, the other leaves.

    Args:
        ledger: the ledger's name, for the message.
        name: its own name, which no other one has.
        who: what the writer is, for the message.
        runbook: the section that says more.
    """

    def __init__(
        self,
        ledger: str,
        name: str | None = None,
        who: str = "invoicer",
        runbook: str = "docs/runbook.md#fenced-invoicer",
    ) -> None:
        self._ledger, self._who, self._runbook = ledger, who, runbook
        self.name = name or secrets.token_hex(8)
        self._predecessor: str | None = None

    @property
    def has_predecessor(self) -> bool:
        """Whether it knows who held the ledger when it was started."""
        return self._predecessor is not None

    def check(self, holder: str) -> None:
        """Compare with who has claimed the ledger last. The first one it is told of is the predecessor.

        Args:
            holder: the name beside the group's offset, or :data:`UNCLAIMED`.

        Raises:
            FencedError: another one has come since.
        """
        if self._predecessor is None:
            self._predecessor = holder
        if holder not in (UNCLAIMED, self._predecessor, self.name):
            raise FencedError(
                f"another {self._who} has taken over the ledger {self._ledger}: only one can run, and it was started"
                f" later; this one stops, nothing is lost, see {self._runbook}"
            )
