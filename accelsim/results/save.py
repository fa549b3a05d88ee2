"""A result as a folder: ``result.json`` and its tables.

A table is CSV, which everybody opens, or Parquet, which keeps types and is small and quick.  Left to itself a table of
more than :data:`PARQUET_FROM_ROWS` rows is Parquet where pyarrow is installed (``pip install accelsim[parquet]``).
``result.json`` says which file holds which table.
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError
from accelsim.files import write_atomic
from accelsim.results.data import RunData
from accelsim.results.tables import TABLES, table_of

if TYPE_CHECKING:
    import pandas as pd

PARQUET_FROM_ROWS = 10_000
#: How tables are written.
AUTO, CSV, PARQUET = FORMATS = ("auto", "csv", "parquet")


def check_format(tables: str) -> None:
    """Refuse a format of tables that is unknown or cannot be written here.

    Raises:
        ConfigError: It is.
    """
    if tables not in FORMATS:
        raise ConfigError(f"tables: no format {tables!r}. Known: {', '.join(FORMATS)}.")
    if tables == PARQUET and not _has_parquet():
        raise ConfigError("tables: parquet needs pyarrow. Install accelsim[parquet], or write csv.")


def _has_parquet() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def save_result(result: RunData, summary: Mapping[str, Any], folder: Path, tables: str = AUTO) -> None:
    """Write ``result.json`` (``summary``) and every table into ``folder``, made if missing.

    ``result.json`` is written last, so that a folder with it is complete.

    Args:
        result: The run whose tables are written.
        summary: What goes into ``result.json``.
        folder: Where to.
        tables: One of :data:`FORMATS`.

    Raises:
        ConfigError: The folder cannot be made or written, or Parquet is asked for without pyarrow.
    """
    check_format(tables)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ConfigError(f"{str(folder)!a}: cannot make this folder ({error}). Choose another.") from error
    files = {}
    for name in TABLES:
        table = table_of(result, name)
        long = tables == AUTO and _has_parquet() and len(table) > PARQUET_FROM_ROWS
        files[name] = _write_table(folder, name, table, PARQUET if long or tables == PARQUET else CSV)
    write_atomic(folder / "result.json", json.dumps({**summary, "tables": files}, indent=2) + "\n")


def _write_table(folder: Path, name: str, table: pd.DataFrame, kind: str) -> str:
    """Write one table and no other form of it; returns the name of the file."""
    file = folder / f"{name}.{kind}"
    if kind == PARQUET:
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, engine="pyarrow")
        write_atomic(file, buffer.getvalue())
    else:
        write_atomic(file, table.to_csv(index=False))
    for other in (CSV, PARQUET):  # of an earlier save into the same folder
        if other != kind:
            (folder / f"{name}.{other}").unlink(missing_ok=True)
    return file.name
