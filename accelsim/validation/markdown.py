"""The accuracy table of the documentation: made, put into a file, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.validation.compare import Comparison

BEGIN = "<!-- accuracy: begin (made by `accelsim validate --update FILE`) -->"
END = "<!-- accuracy: end -->"
_HEADER = "| suite | hardware | operator | type | points | MAPE | median | p90 | bias |"
_RULE = "|---|---|---|---|--:|--:|--:|--:|--:|"


def accuracy_table(comparisons: Sequence[Comparison]) -> str:
    """Errors in percent as a Markdown table, with a line on what has no prediction."""
    lines = [_HEADER, _RULE]
    for one in comparisons:
        for row in one.rows():
            s = row.summary
            errors = " | ".join(f"{100 * value:.1f}" for value in (s.mape, s.median, s.p90))
            labels = f"{row.suite} | {row.hardware} | {row.op} | {row.dtype}"
            lines.append(f"| {labels} | {s.points} | {errors} | {100 * s.bias:+.1f} |")
    missing = [f"{one.suite} {one.num_unpriced} of {len(one.labels)}" for one in comparisons if one.num_unpriced]
    lines += ["", f"Rows without a prediction: {', '.join(missing) or 'none'}."]
    return "\n".join(lines) + "\n"


def replaced_table(text: str, table: str, name: str) -> str:
    """``text`` with the lines between the markers replaced.

    Raises:
        ConfigError: The markers are missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{name}: has no accuracy table. Put these two lines where it belongs:\n{BEGIN}\n{END}")
    return f"{before}{BEGIN}\n{table}{END}{after}"


def recorded_rows(text: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Points, MAPE, median, p90 and bias (in percent) by suite, hardware, operator and type, from a Markdown text."""
    block = text.partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line[:1] == "|"]
    return {tuple(row[:4]): tuple(float(cell) for cell in row[4:]) for row in rows[2:]}


def read_text(path: Path) -> str:
    """Text of a file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read ({error}).") from error
