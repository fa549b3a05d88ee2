"""Compile functions with numba, cached on disk where the disk allows it.

Imported only by the kernels of the compiled engine: numba alone takes half a second.

numba notices when the file of a cached function changes, but not when a function it calls
in another file does, and would go on using the old machine code.  So the cache folder
is named after the contents of all kernel files.
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
    """Set up compilation, with the cache in our folder; numba reads the setting here and only here."""
    compiled: Function
    if _FOLDER is None:
        compiled = numba.njit(nogil=True, **options)(function)
        return compiled
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_FOLDER)
    try:
        compiled = numba.njit(cache=True, nogil=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled
