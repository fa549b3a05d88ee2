"""Reading files: the one way in which anything a user names is read, refusing what is no file of reasonable size.

Refused, before anything is read: folders, devices, pipes, and files above a limit, which a device or a growing file
cannot get past either.
"""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

#: Most bytes of a description: a chip, a model, a list of links.
MAX_DESCRIPTION_BYTES = 8 * 2**20
#: Most bytes of a table of numbers or of a result.
MAX_TABLE_BYTES = 64 * 2**20
#: Most bytes of a table that accelsim itself saved beside a result, which may hold millions of rows.
MAX_SAVED_BYTES = 2**30


def display_path(path: Path) -> str:
    """``path`` as messages show it: relative to the current folder when below it, as given otherwise."""
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def read_bytes(
    path: Path | str, expected: str = "a YAML or JSON file", most_bytes: int = MAX_DESCRIPTION_BYTES
) -> bytes:
    """Content of a regular file.

    Args:
        path: The file.
        expected: What it should be, for messages.
        most_bytes: Largest size that is read.

    Raises:
        ConfigError: There is no such file, it is a folder or device, too large, or cannot be read.
    """
    path = Path(path)
    shown = display_path(path)
    try:
        if path.is_dir():
            raise ConfigError(f"{shown}: is a folder; expected {expected}.")
        if not path.exists():
            raise ConfigError(f"{shown}: no such file.{_near_files(path)}")
        if not path.is_file():
            raise ConfigError(f"{shown}: is not a regular file; expected {expected}.")
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except (OSError, ValueError) as err:
        if isinstance(err, ConfigError):
            raise
        reason = getattr(err, "strerror", None) or str(err)
        raise ConfigError(f"{shown!a}: cannot be read: {reason}. Name {expected}.") from err
    if len(content) > most_bytes:
        size = max(len(content), path.stat().st_size) / 2**20
        raise ConfigError(f"{shown}: {size:.1f} MiB is too large; at most {most_bytes >> 20} MiB are read.")
    return content


def read_text(path: Path | str, expected: str = "a text file", most_bytes: int = MAX_DESCRIPTION_BYTES) -> str:
    """Text of a regular file in UTF-8.

    Args:
        path: The file.
        expected: What it should be, for messages.
        most_bytes: Largest size that is read.

    Raises:
        ConfigError: As :func:`read_bytes`, and where it is not UTF-8; names the line.
    """
    return decode(read_bytes(path, expected, most_bytes), display_path(Path(path)))


def decode(content: bytes, origin: str) -> str:
    """Text of UTF-8 ``content``, without byte order mark.

    Args:
        content: Bytes of a file.
        origin: The file as messages call it.

    Raises:
        ConfigError: Not UTF-8; names the line of the first bad byte.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise ConfigError(
            f"{origin}:{line}: not UTF-8 text (byte 0x{content[err.start]:02x}). Save it as UTF-8."
        ) from err


def _near_files(path: Path) -> str:
    """Hint with the nearest file name in the folder of a missing file."""
    folder = path.parent
    if not folder.is_dir():
        return f" The folder {display_path(folder)} does not exist."
    return did_you_mean(path.name, sorted(entry.name for entry in folder.iterdir() if entry.is_file()))
