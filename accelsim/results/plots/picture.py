"""A figure as a file, written completely or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError
from accelsim.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 150


def save_picture(ax: Axes, path: Path) -> None:
    """Write the figure of ``ax``; the suffix decides the format. A picture that was there stays if this fails.

    Args:
        ax: Axes of the figure.
        path: File to write, e.g. ``parity.png``; its folder must exist.

    Raises:
        ConfigError: The suffix is no picture's, or the folder cannot be written.
    """
    figure = ax.get_figure(root=True)
    formats = sorted(figure.canvas.get_supported_filetypes()) if figure is not None else []
    kind = path.suffix[1:].lower()
    if figure is None or kind not in formats:
        raise ConfigError(f"{path}: no kind of picture. Name a file ending in one of: {', '.join(formats)}.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=DPI)
    write_atomic(path, buffer.getvalue())
