"""The runbook's way to replay rejected events lets each input record through once."""

import re
import subprocess
from pathlib import Path

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def pipe() -> str:
    """Return what the runbook puts between the reading of `billing.rejected` and the file to replay."""
    found = re.search(r"\| (grep 'reason=unknown_type'.*?) > replay\.txt", RUNBOOK.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def rejected(
    partition: int, offset: int, payload: str, reason: str = "unknown_type", detail: str = "no type FAX"
) -> str:
    """Return a rejected record as kcat prints it with `%h\\t%s\\n`."""
    source = f"source-topic=billableevents.incoming,source-partition={partition},source-offset={offset}"
    return f"trace=7,reason={reason},detail={detail},{source}\t{payload}\n"


def test_a_record_that_is_there_twice_is_replayed_once() -> None:
    """One origin, one event, whatever else the headers say; equal events of two origins are two events."""
    lines = [
        rejected(0, 5, "1,Alice,1,FAX"),
        rejected(1, 5, "1,Alice,1,FAX"),
        rejected(0, 6, "yesterday,Bob,1", reason="bad_timestamp"),
        rejected(0, 51, "2,Bob,1,FAX\twith a tab"),
        rejected(0, 5, "1,Alice,1,FAX", detail="no FAX, of those set"),
        rejected(0, 51, "2,Bob,1,FAX\twith a tab"),
    ]
    done = subprocess.run(["sh", "-c", pipe()], input="".join(lines), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1,Alice,1,FAX", "1,Alice,1,FAX", "2,Bob,1,FAX\twith a tab"]
