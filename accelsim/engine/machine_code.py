"""Where the machine code of the compiled engine lies, and whether it is there: known without importing numba.

numba notices when the file of a cached function changes, but not when a function it calls
in another file does, and would go on using the old machine code.  So the cache folder
is named after the contents of all kernel files.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

_HERE = Path(__file__).parent


def source_stamp(folder: Path) -> str:
    """Return a digest of the kernel files (those whose name starts with one underscore) in and below ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("_[a-z]*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def folders() -> list[Path]:
    """Where machine code may lie, best first: where numba was told, or beside the package and in the user's cache."""
    name = f"accelsim-{source_stamp(_HERE)}"
    told = os.environ.get("NUMBA_CACHE_DIR")
    if told:
        return [Path(told) / name]
    return [_HERE / "__pycache__" / name, Path("~/.cache/accelsim").expanduser() / name]


def first_writable(candidates: Iterable[Path]) -> Path | None:
    """Return the first folder that exists or can be made and takes a file, None if there is none."""
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


def is_loaded() -> bool:
    """Whether this process has run the compiled engine already."""
    kernel = sys.modules.get("accelsim.engine._kernel")
    return kernel is not None and bool(kernel.run_kernel.signatures)


def is_kept() -> bool:
    """Whether an earlier process has left machine code of these sources for this Python.

    It may still not fit: after a change of numba or of the processor it is compiled anew.
    """
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    return any(next(folder.glob(f"*/_kernel.run_kernel-*.{python}.nbi"), None) for folder in folders())
