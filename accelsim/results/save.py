"""A result as a folder: ``result.json`` and its tables as CSV."""

from __future__ import annotations

import json
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.results.files import write_atomic
from accelsim.results.result import Result


def save_result(result: Result, folder: Path) -> None:
    """Write ``result.json``, ``operators.csv``, ``causes.csv`` and ``traffic.csv`` into ``folder``, made if missing.

    Raises:
        ConfigError: The folder cannot be made or written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot make this folder ({error.strerror}). Choose another.") from error
    write_atomic(folder / "result.json", json.dumps(result.to_dict(), indent=2) + "\n")
    for name in ("operators", "causes", "traffic"):
        write_atomic(folder / f"{name}.csv", getattr(result, name)().to_csv(index=False))
