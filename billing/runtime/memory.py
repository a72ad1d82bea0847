"""Memory that a process no longer uses and still holds."""

import ctypes


def give_back_memory() -> None:
    """Give the system what was freed; elsewhere than on glibc nothing is done.

    Reading much at once leaves free memory behind, which the C library keeps for later. It takes some ten
    milliseconds for each hundred megabytes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
