"""Compile functions with numba, cached on disk where the disk allows it.

Imported only by the kernels of the compiled engine: numba alone takes half a second.

numba notices when the file of a cached function changes, but not when a function it calls
in another file does, and would go on using the old machine code.  So the cache folder
is named after the contents of all kernel files.

Compiling takes seconds, mostly per function and per set of argument types.  So only what Python calls is cached and can
be called from Python, and integers are brought to one width (``int(np.int64(task))``) before they are handed on.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., object])

_HERE = Path(__file__).parent


def source_stamp(folder: Path) -> str:
    """Return a digest of the kernel files (those whose name starts with one underscore) in ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("_[a-z]*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def first_writable(folders: Iterable[Path]) -> Path | None:
    """Return the first folder that exists or can be made and takes a file, None if there is none."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


def _cache_folder() -> Path | None:
    """Return where machine code goes: what numba was told, beside the package, or the user's cache."""
    name = f"accelsim-{source_stamp(_HERE)}"
    if numba.config.CACHE_DIR:
        return first_writable([Path(numba.config.CACHE_DIR) / name])
    return first_writable([_HERE / "__pycache__" / name, Path("~/.cache/accelsim").expanduser() / name])


_FOLDER = _cache_folder()


#: Machine code alone: no function here is handed to C as a callback.
_ALWAYS = {"nogil": True, "no_cfunc_wrapper": True}

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
    # numba reads the setting here and only here.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_FOLDER)
    try:
        compiled = numba.njit(**_ALWAYS, _nrt=False, cache=True)(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled
