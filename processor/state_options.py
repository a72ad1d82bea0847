"""How State's store uses memory and disk: what is written gathers in buffers, whose size depends on the partitions.

Each input partition has a store of its own. Left alone each gathers 64 MB three times over, however small what it holds
is: a counter that is written again and again fills a buffer like anything else.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor.quix_adapter import RocksDBOptions
from processor.state_log import keep_whole, takes_direct_writes

LEAST_BUFFER_BYTES = 1_048_576
MOST_BUFFER_BYTES = 16_777_216
# One that is filled, and one that is being written out.
_BUFFERS = 2
_BLOCK_CACHE_BYTES = 67_108_864
# Chunks of ids that are about full; all else is smaller.
_LARGE_BYTES = 8_192
_MESSAGES_FILE_BYTES = 1_048_576
_MESSAGES_FILES = 2


def state_options(buffer_bytes: int, partitions: int, folder: Path) -> "StateOptions":
    """Return the options of each partition's store.

    Args:
        buffer_bytes: the memory that the stores of all partitions share.
        partitions: how many there are; a processor may come to own all of them.
        folder: where the stores are.
    """
    share = buffer_bytes // (_BUFFERS * max(1, partitions))
    size = min(MOST_BUFFER_BYTES, max(LEAST_BUFFER_BYTES, share))
    return StateOptions(
        write_buffer_size=size,
        max_write_buffer_number=_BUFFERS,
        block_cache_size=_BLOCK_CACHE_BYTES,
        writes_directly=takes_direct_writes(folder),
    )


@dataclass(frozen=True)
class StateOptions(RocksDBOptions):
    """Quix's options, for stores without a log, and with an end to what RocksDB writes about itself.

    Args:
        writes_directly: whether files are written past the system's cache.
    """

    writes_directly: bool = False

    def to_options(self) -> Any:
        """Return the options as RocksDB takes them."""
        options = super().to_options()
        keep_whole(options)
        options.set_use_direct_io_for_flush_and_compaction(self.writes_directly)
        # What is large is not written again when files are merged: it lies in files of its own, as it is.
        options.set_enable_blob_files(True)
        options.set_min_blob_size(_LARGE_BYTES)
        options.set_max_log_file_size(_MESSAGES_FILE_BYTES)
        options.set_keep_log_file_num(_MESSAGES_FILES)
        return options
