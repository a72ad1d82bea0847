"""What the C library does with memory that is freed; elsewhere than on glibc nothing is done."""

import ctypes

# M_MXFAST of malloc.h: up to which size pieces are kept apart when they are freed.
_MOST_KEPT_APART = 1


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
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    return set_option is not None and set_option(_MOST_KEPT_APART, 0) == 1
