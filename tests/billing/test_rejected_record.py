"""What is carried of a record that cannot be billed: all of it, or its beginning and its true size."""

from hypothesis import given
from hypothesis import strategies as st

from billing.rejected_record import KEPT_BYTES, SIZE_HEADER, WHOLE_BYTES, carry

DATA = st.none() | st.builds(lambda part, times: part * times, st.binary(max_size=3), st.sampled_from([1, 9_000_000]))


@given(DATA, DATA, st.lists(st.tuples(st.text(max_size=5), DATA), max_size=2))
def test_a_record_is_carried_whole_or_by_its_beginning(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """Whole up to the limit; else the first bytes of each, headers if they are small, and one that tells the size."""
    carried = carry(key, value, headers)
    headers_size = sum(len(name.encode()) + len(content or b"") for name, content in headers)
    size = len(key or b"") + len(value or b"") + headers_size
    if size <= WHOLE_BYTES:
        assert (carried.key, carried.value, list(carried.headers)) == (key, value, headers)
        return
    assert carried.headers[-1] == (SIZE_HEADER, str(size).encode())
    assert list(carried.headers[:-1]) == (headers if headers_size <= KEPT_BYTES else [])
    for whole, kept in ((key, carried.key), (value, carried.value)):
        assert (whole is None) == (kept is None)
        assert (whole or b"")[:KEPT_BYTES] == (kept or b"")
