"""Writing results: under a temporary name first, then renamed, so that nothing half-written is left.

A run that is killed leaves its temporary files behind; the next one that writes into the folder takes them away.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from accelsim.errors import ConfigError

#: What ends the name of a file that is being written: the machine and the process that writes it.
_MARK = re.compile(r"\.(?P<host>[^.]+)-(?P<pid>\d+)\.accelsim-tmp")
_LONGEST_NAME = 100


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
    path = _checked(Path(path))
    clear_leftovers(path.parent)
    temporary = _written(path, content)
    _rename({temporary: path})


def write_together(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write several files of a folder: all are written before the first is renamed, which takes next to no time.

    Args:
        folder: Folder that exists.
        contents: What each file will hold, by name; renamed in this order.

    Raises:
        ConfigError: The folder is not writable, or a name in it is a folder's; then no file has changed.
    """
    paths = {name: _checked(folder / name) for name in contents}
    clear_leftovers(folder)
    written: dict[Path, Path] = {}
    try:
        for name, content in contents.items():
            written[_written(paths[name], content)] = paths[name]
        _rename(written)
    except BaseException:  # an interrupt too leaves nothing half-written behind
        for temporary in written:
            temporary.unlink(missing_ok=True)
        raise


def clear_leftovers(folder: Path) -> None:
    """Remove temporary files that killed processes of this machine left in a folder."""
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208  names alone: a folder may hold many files
            found = _MARK.search(name)
            if found is not None and found["host"] == _host() and not _is_alive(int(found["pid"])):
                (folder / name).unlink(missing_ok=True)


def _checked(path: Path) -> Path:
    """The file that is to be replaced, links followed."""
    check_writable(path)
    return path.resolve() if path.is_symlink() else path  # write what a link points to, keep the link


def _written(path: Path, content: str | bytes) -> Path:
    """A temporary file beside ``path`` that holds the content."""
    mark = f".{_host()}-{os.getpid()}.accelsim-tmp"
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_LONGEST_NAME]}.", suffix=mark)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot write ({error.strerror}). Choose a folder that exists and is writable."
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
        temporary.chmod(0o644)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ConfigError(f"{path}: cannot write ({error.strerror}). Is the disk full?") from error
        raise
    return temporary


def _rename(written: Mapping[Path, Path]) -> None:
    for temporary, path in written.items():
        try:
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise ConfigError(f"{path}: cannot write ({error.strerror}).") from error


def _host() -> str:
    return re.sub(r"[^\w]", "_", socket.gethostname())[:40] or "host"


def _is_alive(pid: int) -> bool:
    """Whether a process runs; taken for granted where asking would end it."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
