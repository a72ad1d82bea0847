"""What a log of Apache Kafka tells of why it ended."""

from collections.abc import Sequence

_TRACE = ("\t", " ", "...")


def telling_lines(log: Sequence[str]) -> str:
    """Return the last error of a log with its exception and what caused that, or else its last line.

    Kafka writes an error as a line with its level, the exception on a line of its own, the trace indented, and then
    what caused it ("Caused by: ..."), as Java prints exceptions.
    """
    lines = [line for line in log if line and not line.startswith(_TRACE)]
    errors = [i for i, line in enumerate(lines) if " ERROR " in line or " FATAL " in line]
    if not errors:
        return lines[-1] if lines else "nothing"
    last = errors[-1]
    told = [lines[last]]
    for line in lines[last + 1 :]:
        if not _is_exception(line):
            break
        told.append(line)
    return " ".join(told)


def _is_exception(line: str) -> bool:
    """Say whether a line names an exception, alone or as a cause, and not a new entry of the log."""
    name = line.removeprefix("Caused by: ").split(":", 1)[0]
    return "." in name and " " not in name
