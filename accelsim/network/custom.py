"""A collective's schedule from a CSV file: the transfers a user wants played."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from accelsim.errors import ConfigError
from accelsim.network.collectives.schedule import Schedule, make_schedule, rows_of, split_evenly
from accelsim.reading import MAX_TABLE_BYTES, read_text

COLUMNS = ("step", "src", "dst", "chunk", "reduce")


def load_schedule(path: Path | str, nbytes: int) -> Schedule:
    """Read a schedule whose chunks are equal parts of ``nbytes``.

    The file has a header ``step,src,dst,chunk,reduce`` and one line per transfer, whole numbers from 0; ``reduce`` is 1
    where the receiver adds. Ranks and chunks are as many as the largest numbers say. Play it with
    :func:`accelsim.network.play.schedule_graph`. Whether the data end where they should is not checked.

    Args:
        path: A CSV of at most 64 MiB.
        nbytes: The whole buffer, in bytes.

    Raises:
        ConfigError: The file cannot be read, or a line has another form; names file and line.
    """
    path = Path(path)
    lines = read_text(path, "a CSV of transfers", MAX_TABLE_BYTES).splitlines()
    reader = csv.reader(lines)
    header = tuple(word.strip() for word in next(reader, []))
    if header != COLUMNS:
        raise ConfigError(f"{path}:1: the header is {','.join(header)!r}. Write '{','.join(COLUMNS)}'.")
    rows = [_row(path, reader.line_num, words) for words in reader if words]
    if not rows:
        raise ConfigError(f"{path}: no transfer below the header.")
    step, src, dst, chunk, reduce = np.array(rows, dtype=np.int64).T
    num_ranks, num_chunks = int(max(src.max(), dst.max())) + 1, int(chunk.max()) + 1
    table = rows_of(step, src, dst, chunk, False)
    table[:, 4] = reduce
    return make_schedule(num_ranks, split_evenly(nbytes, num_chunks), [table])


def _row(path: Path, number: int, words: list[str]) -> list[int]:
    try:
        values = [int(word) for word in words]
    except ValueError:
        values = []
    if len(values) != len(COLUMNS) or min(values) < 0 or values[4] > 1 or values[1] == values[2]:
        raise ConfigError(
            f"{path}:{number}: {','.join(words)!r} is no transfer between two ranks. Write e.g. '0,0,1,0,1'."
        )
    return values
