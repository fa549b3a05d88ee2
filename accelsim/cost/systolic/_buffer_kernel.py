"""Through the demands of one product: which wait for a buffer.  Compiled; called by :mod:`.buffers`.

Every fold asks for one row of words a cycle.  An operand that streams is asked for along the diagonals of its folds
laid under each other, which is also the order it lies in its memory; one that stays is asked for row by row, last row
first.  So a row of demands is a run of words that lie side by side, and so is a span of rows: spans in which nothing
can wait are passed over whole, others are halved down to the row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.engine._jit import jit, jit_entry

Ints = npt.NDArray[np.int64]

# What is held of an operand: lines in all, lines held, lines fetched at once, the first line held, the cycle at which
# the last fetch is there, cycles of a fetch.
LINES, HELD, AHEAD, START, READY, FETCH = range(6)
# The results: words free, cycle until which the half that is written back is busy, words of it, cycles of that, words.
FREE, BUSY, HALF, DRAIN, WORDS = range(5)
# The product: extents along the rows, along the columns and streamed; rows and columns; 1 where the result stays.
DOWN, ACROSS, DEPTH, ROWS, COLS, STAYS = range(6)


@jit
def _triangle(side: int) -> int:
    return side * (side + 1) // 2 if side > 0 else 0


@jit
def _before(rows: int, width: int, diagonal: int) -> int:
    """Words of a block of ``rows x width`` on the diagonals before ``diagonal``."""
    whole = _triangle(diagonal) - _triangle(diagonal - rows)
    return whole - _triangle(diagonal - width) + _triangle(diagonal - rows - width)


@jit
def _streamed(row: int, fold: int, extent: int, depth: int, width: int) -> int:
    """Where the words of ``fold`` on its diagonal ``row`` begin: folds lie under each other, the last one narrower.

    A diagonal lies from its lowest row upwards, so what it shares with later folds comes first.
    """
    folds = -(-extent // width)
    diagonal, last_width = fold * depth + row, extent - (folds - 1) * width
    in_last = diagonal - (folds - 1) * depth
    found = _before((folds - 1) * depth, width, diagonal) + _before(depth, last_width, in_last)
    below = min(width - 1, row - depth)
    if fold == folds - 1 or below < 0:
        return found
    return found + below + 1 - max(0, min(below, in_last) - last_width + 1)


@jit
def _stream_span(row: int, rows: int, fold: int, extent: int, depth: int, width: int) -> tuple[int, int]:
    """First and one past the last word that ``fold`` streams in some rows; equal where it streams none."""
    wide = min(width, extent - fold * width)
    first, last = max(row, 0), min(row + rows, depth + wide - 1) - 1
    if first > last:
        return 0, 0
    words = min(last, wide - 1) - max(0, last - depth + 1) + 1
    return _streamed(first, fold, extent, depth, width), _streamed(last, fold, extent, depth, width) + words


@jit
def _held_span(row: int, rows: int, down: int, across: int, product: Ints) -> tuple[int, int]:
    """The like of an operand that stays: loaded in the first rows, its last row first."""
    tall = min(product[ROWS], product[DOWN] - down * product[ROWS])
    wide = min(product[COLS], product[ACROSS] - across * product[COLS])
    top = max(product[ROWS] - (row + rows), 0)
    bottom = min(product[ROWS] - row, tall)
    if top >= bottom:
        return 0, 0
    start = across * product[DOWN] * product[COLS] + down * product[ROWS] * wide
    return start + top * wide, start + bottom * wide


@jit
def _is_held(first: int, last: int, window: Ints) -> bool:
    begin, end = (first - window[START]) % window[LINES], (last - window[START]) % window[LINES]
    return bool(begin <= end < window[HELD])


@jit
def _wait(first: int, last: int, cycle: int, window: Ints, waits: int) -> int:
    """Cycles that one row of demands for lines ``first .. last`` waits; moves the window on."""
    waited = 0
    for line in range(first, last + 1):
        while not _is_held(line, line, window):
            window[START] = (window[START] + window[AHEAD]) % window[LINES]
            window[READY] += window[FETCH]
            # a word is there one cycle after it is asked for
            waited += waits * max(0, window[READY] - (cycle + waited + 1))
    return waited


@jit
def _store(words: int, cycle: int, results: Ints) -> int:
    """Take the results of one row; returns the cycle at which the last word has its place."""
    for _ in range(words):
        results[FREE] -= 1
        if cycle < results[BUSY]:
            if results[FREE] <= 0:
                cycle = results[BUSY]
        elif results[FREE] < results[WORDS] - results[HALF]:
            results[FREE] += results[HALF]
            results[BUSY] = cycle + results[DRAIN]
    return cycle


@jit
def _stores_freely(words: int, end: int, results: Ints) -> bool:
    """Whether ``words`` before cycle ``end`` neither begin to be written back nor wait."""
    free = results[FREE] - words
    return bool(free >= results[WORDS] - results[HALF] or (end < results[BUSY] and free > 0))


@jit_entry
def play(product: Ints, windows: Ints, results: Ints, line: int, waits: int) -> tuple[int, int]:
    """Cycle of the last row of demands, and the cycles the array waited.

    Args:
        product: See above. int64[6].
        windows: Of the operand along the rows and of the other. int64[2, 6], changed.
        results: Buffer of the results. int64[5], changed.
        line: Words of a line.
        waits: How often a wait for an operand counts.
    """
    depth, rows, cols, stays = product[DEPTH], product[ROWS], product[COLS], product[STAYS]
    fill = 0 if stays else rows
    length = depth + fill + rows + cols - 2
    begun, stalls, end = 0, 0, 0
    for across in range(-(-product[ACROSS] // cols)):
        wide = min(cols, product[ACROSS] - across * cols)
        for down in range(-(-product[DOWN] // rows)):
            tall = min(rows, product[DOWN] - down * rows)
            stored_rows = tall if stays else depth
            shift = depth - 1 + rows - tall if stays else 2 * rows - 1
            row, span = 0, length
            while row < length:
                span = min(span, length - row)
                cycle = begun + row + stalls
                a, b = _stream_span(row - fill, span, down, product[DOWN], depth, rows)
                if stays:
                    c, d = _stream_span(row, span, across, product[ACROSS], depth, cols)
                else:
                    c, d = _held_span(row, span, down, across, product)
                words = _before(stored_rows, wide, row + span - shift) - _before(stored_rows, wide, row - shift)
                quiet = a >= b or _is_held(a // line, (b - 1) // line, windows[0])
                quiet = quiet and (c >= d or _is_held(c // line, (d - 1) // line, windows[1]))
                if quiet and _stores_freely(words, cycle + span, results):
                    results[FREE] -= words
                elif span > 1:
                    span //= 2
                    continue
                else:
                    wait = _wait(a // line, (b - 1) // line, cycle, windows[0], waits) if a < b else 0
                    if c < d:
                        wait = max(wait, _wait(c // line, (d - 1) // line, cycle, windows[1], waits))
                    done = _store(words, cycle, results)
                    end = max(end, done)
                    stalls += max(wait, done - cycle)
                row += span
                span *= 2
            begun += length
    return max(end, begun - 1 + stalls), stalls
