"""Whether bytes are UTF-8, as Python takes it: no overlong form, no surrogate, nothing above U+10FFFF."""

from billing.runtime.native.memory import load8
from exporter.kernel.arrays import Whole
from exporter.kernel.inlining import inlined


@inlined
def is_utf8(address: Whole, length: Whole) -> bool:
    """Say whether some bytes are valid UTF-8."""
    end = address + length
    while address < end:
        first = load8(address)
        address += 1
        if first < 0x80:
            continue
        more, low, high = _following(first)
        if more == 0 or address + more > end or not low <= load8(address) <= high:
            return False
        for place in range(1, more):
            if not 0x80 <= load8(address + place) <= 0xBF:
                return False
        address += more
    return True


@inlined
def _following(first: Whole) -> tuple[Whole, Whole, Whole]:
    """Return how many bytes follow a first one, 0 if none may, and between which bounds the second lies."""
    more = 0
    if 0xC2 <= first <= 0xDF:
        more = 1
    elif 0xE0 <= first <= 0xEF:
        more = 2
    elif 0xF0 <= first <= 0xF4:
        more = 3
    low, high = 0x80, 0xBF
    if first == 0xE0:
        low = 0xA0
    elif first == 0xED:
        high = 0x9F
    elif first == 0xF0:
        low = 0x90
    elif first == 0xF4:
        high = 0x8F
    return more, low, high
