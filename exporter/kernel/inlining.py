"""Parts of kernels: they become one with what calls them.

A group of arrays is taken apart at the beginning of each function: reaching for one of them in a loop, or handing all
to a function that stays one of its own, counts references each time, which takes ten times as long as what is done.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def inlined(function: Function) -> Function:
    """Compile a function into whatever kernel calls it; it is never called from Python."""
    return cast(Function, njit(nogil=True, error_model="numpy", boundscheck=False, forceinline=True)(function))
