"""State's stores share one budget, however many partitions there are."""

from pathlib import Path

import pytest

from processor.state_options import LEAST_BUFFER_BYTES, MOST_BUFFER_BYTES, state_options


@pytest.mark.parametrize("partitions", [0, 1, 4, 16, 64, 500])
@pytest.mark.parametrize("buffer_bytes", [8_388_608, 134_217_728, 10**12])
def test_the_buffers_of_all_partitions_are_within_the_budget(
    tmp_path: Path, buffer_bytes: int, partitions: int
) -> None:
    """A store has no buffer so small that it does nothing but write out, nor one larger than it can use."""
    options = state_options(buffer_bytes, partitions, tmp_path)
    size = options.write_buffer_size
    assert LEAST_BUFFER_BYTES <= size <= MOST_BUFFER_BYTES
    assert size == LEAST_BUFFER_BYTES or partitions * options.max_write_buffer_number * size <= buffer_bytes
    options.to_options()
