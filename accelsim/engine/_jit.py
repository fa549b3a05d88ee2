"""Compile functions with numba, cached on disk where the disk allows it.

Imported only by the kernels of the compiled engine: numba alone takes half a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def jit(function: Function) -> Function:
    """Compile ``function`` to machine code on first call, from the cache if it is there.

    Fast-math stays off: the order of floating-point operations is part of the engine's meaning.
    """
    compiled: Function
    try:
        compiled = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # numba found no folder it may write its cache to: compile in every process instead.
        compiled = numba.njit(nogil=True)(function)
    return compiled
