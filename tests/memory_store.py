"""State as the processor sees it, in memory."""

from collections.abc import Sequence


class MemoryStore(dict[bytes, bytes]):
    """A State in memory that counts how often it is asked."""

    reads = 0

    def get(self, key: bytes) -> bytes | None:  # type: ignore[override]
        self.reads += 1
        return super().get(key)

    def get_committed(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def set_all(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        self.update(zip(keys, values, strict=True))

    def delete_all(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            self.pop(key, None)
