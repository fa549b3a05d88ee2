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

    For functions that allocate no arrays: reference counting is off (it costs five times
    the work of the kernel itself).  Fast-math stays off: the order of floating-point
    operations is part of the engine's meaning.
    """
    return _compiled(function, _nrt=False)


def jit_inline(function: Function) -> Function:
    """Like :func:`jit`, pasted into its callers: passing a struct of ten arrays costs more than most bodies."""
    return _compiled(function, _nrt=False, inline="always")


def jit_allocating(function: Function) -> Function:
    """Like :func:`jit`, for functions that make arrays."""
    return _compiled(function)


def _compiled(function: Function, **options: object) -> Function:
    compiled: Function
    try:
        compiled = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:
        # numba found no folder it may write its cache to: compile in every process instead.
        compiled = numba.njit(nogil=True, **options)(function)
    return compiled
