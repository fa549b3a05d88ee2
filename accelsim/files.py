"""Writing results: under a temporary name first, then renamed, so that nothing half-written is left."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from accelsim.errors import ConfigError


def check_writable(path: Path) -> None:
    """Refuse a name that :func:`write_atomic` could not write, before anything is computed for it.

    Args:
        path: The file that will be written.

    Raises:
        ConfigError: The folder is missing or not writable, or ``path`` is a folder, a device or no name of a file.
    """
    path = Path(path)
    if "\0" in str(path) or any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise ConfigError(f"{str(path)!a}: no file can have this name. Choose another.")
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder. Name a file in it.")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: is a device or pipe, which renaming would replace. Name a file, or use '-'.")
    except OSError as error:
        raise ConfigError(f"{str(path)[:80]}: cannot write ({error.strerror}). Choose another name.") from error
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        reason = "Permission denied" if folder.is_dir() else "No such file or directory"
        raise ConfigError(f"{path}: cannot write ({reason}). Choose a folder that exists and is writable.")


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write ``content`` (text as UTF-8) to ``path`` completely or not at all.

    Args:
        path: File to make or replace. Of a link, the file it points to is replaced.
        content: All of the file, text or bytes.

    Raises:
        ConfigError: The folder is missing or not writable, or ``path`` is a folder.
    """
    path = Path(path)
    check_writable(path)
    path = path.resolve() if path.is_symlink() else path  # write what a link points to, keep the link
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot write ({error.strerror}). Choose a folder that exists and is writable."
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot write ({error.strerror}). Is the disk full?") from error
