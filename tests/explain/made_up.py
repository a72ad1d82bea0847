"""Records, events and invoices as tests make them up."""

from collections.abc import Mapping, Sequence

import numpy as np

from billing.event import BillableEvent
from billing.runtime.native.block import Headers, RecordBlock, joined_if_any


class MadeUpBlock(RecordBlock):
    """Records of values, as a client would have them.

    Args:
        values: the values; None is a record without one.
        partitions: the partition of each.
        offsets: the offset of each.
        headers: position -> headers, of those that have any.
    """

    def __init__(
        self,
        values: Sequence[bytes | None],
        partitions: Sequence[int],
        offsets: Sequence[int],
        headers: Mapping[int, Headers] | None = None,
        keys: Sequence[bytes | None] | None = None,
    ) -> None:
        self._headers = headers or {}
        self._values, places, lengths = joined_if_any(values)
        self._keys, key_places, key_lengths = joined_if_any(keys or [None] * len(values))
        columns = [partitions, offsets, places, lengths, key_places, key_lengths]
        super().__init__(np.array(columns, np.int64).reshape(6, len(values)))

    def headers(self, index: int) -> Headers:
        """Return a record's headers."""
        return self._headers.get(index, [])


def payload(event: BillableEvent, as_json: bool = False) -> bytes:
    """Return an event as it is sent."""
    units, micros = divmod(abs(event.amount_micros), 1_000_000)
    amount = f"{'-' if event.amount_micros < 0 else ''}{units}.{micros:06d}"
    if as_json:
        return (
            f'{{"timestamp": {event.timestamp_ms}, "customer": "{event.customer}", "amount": "{amount}", '
            f'"type": "{event.type}", "id": "{event.id}"}}'
        ).encode()
    return f"{event.timestamp_ms},{event.customer},{amount},{event.type},{event.id}".encode()
