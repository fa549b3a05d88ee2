"""A result as a folder: ``result.json`` and its tables.

A table is CSV, which everybody opens; one of more than :data:`PARQUET_FROM_ROWS` rows is Parquet where pyarrow is
installed (``pip install accelsim[parquet]``).  ``result.json`` says which file holds which table.
"""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError
from accelsim.results.files import write_atomic
from accelsim.results.result import Result
from accelsim.results.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

PARQUET_FROM_ROWS = 10_000


def save_result(result: Result, folder: Path) -> None:
    """Write ``result.json`` and every table into ``folder``, made if missing.

    ``result.json`` is written last, so that a folder with it is complete.

    Raises:
        ConfigError: The folder cannot be made or written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot make this folder ({error.strerror}). Choose another.") from error
    files = {name: _write_table(folder, name, result.table(name)) for name in TABLES}
    write_atomic(folder / "result.json", json.dumps({**result.to_dict(), "tables": files}, indent=2) + "\n")


def _write_table(folder: Path, name: str, table: pd.DataFrame) -> str:
    if len(table) > PARQUET_FROM_ROWS and importlib.util.find_spec("pyarrow") is not None:
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, engine="pyarrow")
        write_atomic(folder / f"{name}.parquet", buffer.getvalue())
        return f"{name}.parquet"
    write_atomic(folder / f"{name}.csv", table.to_csv(index=False))
    return f"{name}.csv"
