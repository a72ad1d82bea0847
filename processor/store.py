"""The State of one input partition, as those need it who count."""

from collections.abc import Sequence
from typing import Protocol


class Store(Protocol):
    """The State of one input partition, in the transaction that is open."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        ...

    def get_committed(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """Return the values of keys, or None, as they were before the open transaction.

        It may be called for as long as the partition is owned, also when the transaction has ended.
        """
        ...

    def set_all(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Set the values of keys."""
        ...

    def delete_all(self, keys: Sequence[bytes]) -> None:
        """Remove keys."""
        ...


class LoggedStore(Store, Protocol):
    """A State whose changelog can be written to by itself."""

    def log_again(self, key: bytes, value: bytes | None) -> None:
        """Write a value that State has, or None for a key that it has not, to its changelog alone."""
        ...
