"""State as the processor sees it, in memory."""


class MemoryStore(dict[bytes, bytes]):
    """A State in memory that counts how often it is asked."""

    reads = 0

    def get(self, key: bytes) -> bytes | None:  # type: ignore[override]
        self.reads += 1
        return super().get(key)

    def set(self, key: bytes, value: bytes) -> None:
        self[key] = value
