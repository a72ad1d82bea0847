"""What the C library does with memory that is freed; elsewhere than on glibc nothing is done."""

import ctypes

# Options of malloc.h, and what they are set to, in bytes: M_MXFAST, up to which size pieces that are freed are kept
# apart; M_TRIM_THRESHOLD; and M_MMAP_THRESHOLD with the most that it may be.
_KEEP_NONE_APART = (1, 0)
_KEEP_AT_THE_END, _MOST_FROM_THE_HEAP = (-1, 268_435_456), (-3, 33_554_432)


def give_back_memory() -> None:
    """Give the system what was freed.

    Reading much at once leaves free memory behind, which the C library keeps for later. It takes some ten
    milliseconds for each hundred megabytes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def merge_freed_memory() -> bool:
    """Have small pieces of memory merged as they are freed, not all of them each time that a large one is.

    Handing on many records, each of which takes several small pieces, costs less that way. Return whether it is so.
    """
    return _set_options(_KEEP_NONE_APART)


def keep_freed_memory() -> bool:
    """Have large pieces that are freed kept for the next ones. Return whether it is so.

    Each commit and each answer of a broker needs as much as the one before. By default the C library gives it back in
    between, and the system finds and empties it again, page by page, where a virtual machine's host may have taken it.
    """
    return _set_options(_KEEP_AT_THE_END, _MOST_FROM_THE_HEAP)


def _set_options(*options: tuple[int, int]) -> bool:
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    return set_option is not None and all(set_option(*option) == 1 for option in options)
