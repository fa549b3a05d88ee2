"""Outputs are looked at before any work is done for them: callbacks of the options that name files to write."""

from __future__ import annotations

import os
from pathlib import Path

from accelsim.errors import ConfigError

#: Endings of pictures that are drawn.
_PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp", ".eps", ".ps", ".tif", ".tiff")


def json_target(value: str | None) -> str | None:
    """A file for JSON, or ``-`` for standard output.

    Raises:
        ConfigError: It cannot be written.
    """
    if value not in (None, "-"):
        file(Path(value))
    return value


def file(value: Path | None) -> Path | None:
    """A file to write.

    Raises:
        ConfigError: It cannot be written.
    """
    if value is not None:
        from accelsim.files import check_writable

        check_writable(value)
    return value


def picture(value: Path | None) -> Path | None:
    """A picture to draw.

    Raises:
        ConfigError: It cannot be written, or its ending is no picture.
    """
    if value is not None and value.suffix.lower() not in _PICTURES:
        raise ConfigError(f"{value}: is no picture. Name a file that ends in .png, .svg or .pdf.")
    return file(value)


def page(value: Path | None) -> Path | None:
    """A page to write.

    Raises:
        ConfigError: It cannot be written, or what pages are made with is not installed.
    """
    if value is not None:
        from accelsim.results.report import check_report_extra

        check_report_extra()
    return file(value)


def folder(value: Path | None) -> Path | None:
    """A folder to write into; it is made where it is missing.

    Raises:
        ConfigError: It cannot be made or written.
    """
    if value is None:
        return None
    there = next((one for one in (value, *value.absolute().parents) if os.path.lexists(one)), value)
    if not there.is_dir():
        raise ConfigError(f"{there}: is no folder. Name a folder, which is made where it is missing.")
    if not os.access(there, os.W_OK):
        raise ConfigError(f"{there}: cannot write (Permission denied). Choose a folder that is writable.")
    return value
