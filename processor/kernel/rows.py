"""What the kernel makes of a record: a row of eight numbers. And the event types, as it finds them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from billing.event import EventRules
from billing.runtime.native.compiled import inlined
from billing.runtime.native.memory import Whole, address_of

ROW_NUMBERS = 8
MS, MICROS, SLOT, NAME, NAME_LENGTH, HASH, ID, ID_LENGTH = range(ROW_NUMBERS)
"""Event time in milliseconds, amount in micros, the type's slot, address and length of the customer's name, its hash,
address and length of the id."""
NO_EVENT = -1
"""The slot of a row that holds no event."""
REST, FIELDS_READ = ID, ID_LENGTH
"""Of a row that holds no event: how many fields of a line are surely right, 0 if that is not known, and the address
behind the comma that follows them."""

TYPE_WORD, TYPE_LENGTH, TYPE_SLOT = range(3)
TYPE_BYTES = 3 * 8
_MOST_NAME_BYTES = 8


def type_rows(rules: EventRules) -> NDArray[np.int64]:
    """Return the types as the kernel finds them: the name as a word, its length, the slot. The first is the default's.

    Those with longer names are left to the exact path.
    """
    names = {"": rules.types.index(rules.default_type)}
    names |= {name: slot for slot, name in enumerate(rules.types) if len(name) <= _MOST_NAME_BYTES and name.isascii()}
    return np.array([(_signed(name.encode()), len(name), slot) for name, slot in names.items()], np.int64)


def _signed(name: bytes) -> int:
    word = int.from_bytes(name, "little")
    return word - 2**64 if word >= 2**63 else word


class TypePlaces(NamedTuple):
    """Where the rows of the types lie, and how many there are."""

    first: Whole
    count: Whole


@inlined
def type_places(types: NDArray[np.int64]) -> TypePlaces:
    """Return where the rows of the types lie."""
    return TypePlaces(address_of(types), types.shape[0])
