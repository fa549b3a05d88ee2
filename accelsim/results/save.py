"""A result as a folder: ``result.json`` and its tables.

A table is CSV, which everybody opens, or Parquet, which keeps types and is small and quick.  Left to itself a table of
more than :data:`PARQUET_FROM_ROWS` rows is Parquet where pyarrow is installed (``pip install accelsim[parquet]``).
``result.json`` says which file holds which table and what its hash is, so that a folder in which a save broke off
between two files is told from a whole one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError
from accelsim.files import write_together
from accelsim.results.data import RunData
from accelsim.results.saved import RESULT_FILE
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

    All files are written under temporary names before the first is renamed; ``result.json`` is renamed last.

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
    contents: dict[str, bytes] = {}
    files: dict[str, str] = {}
    for name in TABLES:
        table = table_of(result, name)
        long = tables == AUTO and _has_parquet() and len(table) > PARQUET_FROM_ROWS
        kind = PARQUET if long or tables == PARQUET else CSV
        files[name] = f"{name}.{kind}"
        contents[files[name]] = _table_bytes(table, kind)
    hashes = {name: hashlib.sha256(contents[file]).hexdigest() for name, file in files.items()}
    text = json.dumps({**summary, "tables": files, "tables_sha256": hashes}, indent=2) + "\n"
    write_together(folder, {**contents, RESULT_FILE: text})
    for name in TABLES:
        for kind in (CSV, PARQUET):  # of an earlier save into the same folder
            if f"{name}.{kind}" not in contents:
                (folder / f"{name}.{kind}").unlink(missing_ok=True)


def _table_bytes(table: pd.DataFrame, kind: str) -> bytes:
    if kind == PARQUET:
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, engine="pyarrow")
        return buffer.getvalue()
    return table.to_csv(index=False).encode("utf-8")
