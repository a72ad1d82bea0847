"""How State's store uses memory and disk: what is written gathers in buffers, whose size depends on the partitions.

Each input partition has a store of its own. Left alone each gathers 64 MB three times over, and keeps up to 128 MB of
log, however small what it holds is: a counter that is written again and again fills a buffer like anything else.
"""

from dataclasses import dataclass
from typing import Any

from processor.quix_adapter import RocksDBOptions

LEAST_BUFFER_BYTES = 1_048_576
MOST_BUFFER_BYTES = 16_777_216
# One that is filled, and one that is being written out.
_BUFFERS = 2
_BLOCK_CACHE_BYTES = 67_108_864
_LOG_FILE_BYTES = 1_048_576
_LOG_FILES = 2


def state_options(buffer_bytes: int, partitions: int) -> "StateOptions":
    """Return the options of each partition's store.

    Args:
        buffer_bytes: the memory that the stores of all partitions share.
        partitions: how many there are; a processor may come to own all of them.
    """
    share = buffer_bytes // (_BUFFERS * max(1, partitions))
    size = min(MOST_BUFFER_BYTES, max(LEAST_BUFFER_BYTES, share))
    return StateOptions(
        write_buffer_size=size,
        max_write_buffer_number=_BUFFERS,
        # The log ends where the oldest buffer begins. A store has small buffers beside the one that fills: they would
        # hold the log for ever.
        max_total_wal_size=_BUFFERS * size,
        block_cache_size=_BLOCK_CACHE_BYTES,
    )


@dataclass(frozen=True)
class StateOptions(RocksDBOptions):
    """Quix's options, with an end to what RocksDB writes about itself."""

    def to_options(self) -> Any:
        """Return the options as RocksDB takes them."""
        options = super().to_options()
        options.set_max_log_file_size(_LOG_FILE_BYTES)
        options.set_keep_log_file_num(_LOG_FILES)
        return options
