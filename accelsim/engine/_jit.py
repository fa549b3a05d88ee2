"""Compile functions with numba, cached on disk where the disk allows it.

Imported only by the kernels of the compiled engine: numba alone takes half a second.

Compiling takes seconds, mostly per function and per set of argument types.  So only what Python calls is cached and can
be called from Python, and integers are brought to one width (``int(np.int64(task))``) before they are handed on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numba
from numba.core import event

from accelsim.engine.machine_code import first_writable, folders, source_stamp

Function = TypeVar("Function", bound=Callable[..., object])

_LOG = logging.getLogger(__name__)

_FOLDER = first_writable(folders())

_HERE = Path(__file__).parent

#: Machine code alone: no function here is handed to C as a callback, and none looks whether it divides by zero.
_ALWAYS = {"nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy"}

#: Nor is there a door for Python to what only compiled functions call.
_INNER = {**_ALWAYS, "_nrt": False, "no_cpython_wrapper": True}


def jit(function: Function) -> Function:
    """Compile ``function`` for its compiled callers; LLVM decides whether to inline it.  A call from Python crashes.

    For functions that allocate no arrays: reference counting is off (it costs five times
    the work of the kernel itself).  Fast-math stays off: the order of floating-point
    operations is part of the engine's meaning.
    """
    compiled: Function = numba.njit(**_INNER)(function)
    return compiled


def jit_inline(function: Function) -> Function:
    """Like :func:`jit`, always inlined: passing a struct of ten arrays costs more than most bodies.

    LLVM does it, once types are known; numba's own inlining infers the types of every copy anew.
    """
    compiled: Function = numba.njit(**_INNER, forceinline=True)(function)
    return compiled


def jit_entry(function: Function) -> Function:
    """Like :func:`jit`, for what Python calls: compiled on first call with all it calls, or taken from the cache."""
    compiled: Function
    if _FOLDER is None:
        compiled = numba.njit(**_ALWAYS, _nrt=False)(function)
        return compiled
    # Kernels of other packages have a folder of their own below it, named after their contents.
    home = Path(function.__code__.co_filename).parent
    folder = _FOLDER if home == _HERE or _HERE in home.parents else _FOLDER / source_stamp(home)
    # numba reads the setting here and only here.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        compiled = numba.njit(**_ALWAYS, _nrt=False, cache=True)(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


class _Announcement(event.Listener):  # type: ignore[misc]
    """Says, once in a process, that the engine is being compiled: that takes seconds, while loading does not."""

    def __init__(self) -> None:
        self._is_made = False

    def on_start(self, event: event.Event) -> None:
        """A function is about to be compiled, whosesoever it is."""
        if self._is_made or not event.data["dispatcher"].py_func.__module__.startswith("accelsim.engine."):
            return
        self._is_made = True
        kept = "in every process: no folder to keep it in can be written" if _FOLDER is None else "once"
        _LOG.warning("compiling the engine for large runs (about 7 s, %s) ...", kept)

    def on_end(self, event: event.Event) -> None:
        """A function has been compiled."""


event.register("numba:compile", _Announcement())
