"""Where each owned input partition goes on: the one place that keeps its next offset."""

from collections.abc import Iterable, Iterator


class Positions:
    """The next offset of each owned partition, None where it begins at its beginning, and which are new."""

    def __init__(self) -> None:
        self._next_offsets: dict[int, int | None] = {}
        self._new: set[int] = set()

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        """Yield each owned partition with its next offset."""
        return iter(self._next_offsets.items())

    def assign(self, partition: int, committed_offset: int | None) -> None:
        """Own a partition; it goes on from the group's committed offset. It is new until it is accepted."""
        self._next_offsets[partition] = committed_offset
        self._new.add(partition)

    def new(self) -> list[tuple[int, int | None]]:
        """Return the partitions that wait to be accepted, each with the group's committed offset."""
        return [(partition, self._next_offsets[partition]) for partition in sorted(self._new)]

    def accept(self, partition: int) -> None:
        """Take a new partition as one that is read."""
        self._new.discard(partition)

    def advance(self, partition: int, next_offset: int) -> None:
        """Note that the records before an offset have been handed to the worker."""
        self._next_offsets[partition] = next_offset

    def is_next(self, partition: int, offset: int) -> bool:
        """Whether a record may be the next one of a partition: it is owned, and the record was not handed on before."""
        next_offset = self._next_offsets.get(partition, offset + 1)
        return next_offset is None or offset >= next_offset

    def drop(self, partitions: Iterable[int]) -> None:
        """Own these partitions no longer."""
        for partition in partitions:
            self._next_offsets.pop(partition, None)
            self._new.discard(partition)
