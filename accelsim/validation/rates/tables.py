"""Tables of rates in the columns of their sources, as rows of one form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

from accelsim.errors import ConfigError
from accelsim.validation.rates.index import Row, rate_index
from accelsim.validation.rates.rate import Rate
from accelsim.validation.rates.read import LeftOut, read_row
from accelsim.validation.table import Table, parse_table

_COLUMNS = (
    *("vendor", "system", "chips", "model", "weight_type", "batch_or_users", "input_tokens", "output_tokens"),
    *("metric", "value", "speculative_decoding", "doubt", "note"),
)
_BOARD_COLUMNS = ("model", "parallel", "batch", "hardware", "isl", "ttft_ms", "tokens_per_s_per_user")
_CHIPS = re.compile(r"(\d+)")


def rows_of(table: Table) -> list[Row]:
    """Cells by column, row after row."""
    return [dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)]


def checked(rows: list[Row], name: str, columns: Sequence[str] = _COLUMNS) -> list[Row]:
    """The rows, if they have the columns of their kind of table and numbers where these must be.

    Raises:
        ConfigError: A column is missing, or a rate is no number above zero.
    """
    missing = [column for column in columns if column not in rows[0]]
    if missing:
        raise ConfigError(f"{name}:1: no column {', '.join(missing)}. The suite has: {', '.join(columns)}.")
    for line, row in enumerate(rows, 2):
        if "value" in columns and not _is_positive(row["value"]):
            raise ConfigError(f"{name}:{line}:value: {row['value']!r} is no number above 0.")
    return rows


def _is_positive(cell: str) -> bool:
    try:
        return float(cell) > 0
    except ValueError:
        return False


def of_boards(rows: list[Row], name: str) -> list[Row]:
    """Rows of a vendor's boards, each as a rate per user and, where there is one, a first token.

    Raises:
        ConfigError: A column is missing.
    """
    return checked([one for row in checked(rows, name, _BOARD_COLUMNS) for one in _of_board(row)], name)


def _of_board(row: Row) -> Iterable[Row]:
    metrics = {"output tokens/s/user": row["tokens_per_s_per_user"], "TTFT ms": row["ttft_ms"]}
    degree = _CHIPS.search(row["parallel"])
    for metric, value in metrics.items():
        if value.strip():
            yield {
                "vendor": "Tenstorrent",
                "system": row["hardware"],
                "chips": degree[1] if degree else "",
                "model": row["model"],
                "weight_type": "unknown",
                "batch_or_users": row["batch"],
                "input_tokens": row["isl"],
                "output_tokens": "",
                "metric": metric,
                "value": value,
                "speculative_decoding": "not stated",
                "doubt": "doubtful" if "SUSPECT" in "".join(row.values()) else "",
                "note": f"{row['parallel']}; {row.get('note', '')}",
                "date": row.get("release", ""),
                "kind": row.get("measured_kind", ""),
            }


def rates_of_suite(suite: str) -> list[Rate]:
    """Rates of the shipped rows of a suite of boards that are compared."""
    from accelsim.validation.suites import suite as suite_spec

    spec = suite_spec(suite)
    text = (files("accelsim.validation") / "data" / spec.file).read_text(encoding="utf-8")
    rows = of_boards(rows_of(parse_table(text, spec.file)), spec.file)
    read = (read_row(number, row, rate_index()) for number, row in enumerate(rows))
    return [one for one in read if not isinstance(one, LeftOut)]
