"""The wafer-mapping contest of ISPD 2020: kernels are rectangles on 633 x 633 tiles, with time as a function of shape.

A convolution with shape (h, w, c, k) is ``h w (c + 1)`` tiles high and ``3 k`` wide and takes
``ceil(H / h) ceil(W / w) ceil(C / c) ceil(K / k) R S / T^2``; its memory ``ceil(C / c) ceil(K / k) R S +
ceil((W + S - 1) / w) ceil((H + R - 1) / h) ceil(K / k)`` is limited.  The convolutions of a block share h and w and lie
side by side.  Kernels may be turned.  The cost is the greatest time and the distances between the middles of
kernels that are connected; what is judged here is the greatest time, against the least with which the least areas of
all kernels add up to the wafer's.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from accelsim.mapping.placement.base import FloatArray, IntArray, Item, Net, PlacementProblem, Timing, aspect
from accelsim.network.noc import Rectangle
from accelsim.validation.placement.files import Folder
from accelsim.validation.placement.instance import Instance


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution: H x W outputs, R x S window, C to K channels, stride T."""

    H: int
    W: int
    R: int
    S: int
    C: int
    K: int
    T: int


def wafers(data: Folder) -> Iterator[Instance]:
    """All wafers of a folder that have an area bound, by name."""
    if not data.has("wafer/bounds.csv"):
        return
    graphs = json.loads(data.read("wafer/kgraphs.json"))
    for row in csv.DictReader(io.StringIO(data.read("wafer/bounds.csv"))):
        yield _instance(row["problem"], graphs[row["problem"]], row)


def _instance(name: str, given: Mapping[str, Any], bounds: Mapping[str, str]) -> Instance:
    head = {key: int(given["head"][key]) for key in ("width", "height", "memlimit", "wdeltat", "wlength")}
    kernels = {node["id"]: convs_of(node) for node in given["nodes"] if node["kind"] not in ("input", "output")}
    place = {node: at for at, node in enumerate(kernels)}
    kinds = {convs: number for number, convs in enumerate(dict.fromkeys(kernels.values()))}
    tables = [times_of(convs, head["height"], head["width"], head["memlimit"]) for convs in kinds]
    bound = float(bounds.get("bound_with_memory") or bounds["bound_on_time_without_memory"])

    def item_s(kind: int, rows: IntArray, cols: IntArray) -> FloatArray:
        return np.asarray(tables[kind][rows - 1, cols - 1], dtype=np.float64)

    kind_of = tuple(kinds[convs] for convs in kernels.values())
    areas = [least_area(table, bound) for table in tables]
    timing = Timing(
        kinds=kind_of,
        item_s=item_s,
        lacks=lambda kind, rows, cols: np.zeros(len(rows)),
        transfers=tuple(Net((place[a], place[b]), 0.0) for a, b, *_ in given["edges"] if a in place and b in place),
        hop_s=float(head["wlength"]),
        byte_s=0.0,
        total=0.0,
        slowest=float(head["wdeltat"]),
        is_stepped=True,
    )
    items = tuple(Item(f"k{node}", areas[kind]) for node, kind in zip(kernels, kind_of, strict=True))
    problem = PlacementProblem((head["height"], head["width"]), items, (), timing=timing)

    def note(rectangles: Sequence[Rectangle]) -> str:
        aspects = [aspect(r) for r in rectangles]
        wire = problem.cost(rectangles) - head["wdeltat"] * max(timing.times(rectangles))
        return f"aspect {np.mean(aspects):.2f} in the mean, {max(aspects):.1f} at most; wires {wire:,.0f} of the cost"

    reference_is = "area bound" if bounds.get("bound_with_memory") else "area bound without memory"
    return Instance(name, "wafer", problem, lambda found: max(timing.times(found)), bound, reference_is, note)


def convs_of(node: Mapping[str, Any]) -> tuple[Conv, ...]:
    """The convolutions of a kernel.

    Args:
        node: Of a contest's graph.
    """
    if node["kind"] == "conv":
        return (Conv(*(int(node[key]) for key in "HWRSCKT")),)
    high, wide, depth = int(node["H"]), int(node["W"]), int(node["F"])
    if node["kind"] == "dblock":
        return (
            Conv(high, wide, 1, 1, depth, depth // 4, 1),
            Conv(high, wide, 3, 3, depth // 4, depth // 4, 1),
            Conv(high, wide, 1, 1, depth // 4, depth, 1),
        )
    return (
        Conv(high, wide, 1, 1, depth // 2, depth // 4, 1),
        Conv(high, wide, 3, 3, depth // 4, depth // 4, 2),
        Conv(high // 2, wide // 2, 1, 1, depth // 4, depth, 1),
        Conv(high, wide, 1, 1, depth // 2, depth, 2),
    )


@cache
def times_of(convs: tuple[Conv, ...], rows: int, cols: int, memory: int) -> FloatArray:
    """Least time of a kernel on every number of rows and columns, turned or not; inf where it fits on none.

    Args:
        convs: Side by side.
        rows: Most rows.
        cols: Most columns.
        memory: Most memory of a tile.

    Returns:
        float64[rows, cols], for 1 .. rows and 1 .. cols.
    """
    side = max(rows, cols)
    table = np.full((side + 1, side + 1), np.inf)
    wide = np.arange(1, side // 3 + 1)
    for high_step in _steps(max(conv.H for conv in convs)):
        for wide_step in _steps(max(conv.W for conv in convs)):
            room = side // (high_step * wide_step) - 1
            for deep in (deep for deep in _depths([conv.C for conv in convs]) if deep <= room):
                times, widths = _widths([_alone(conv, high_step, wide_step, deep, wide, memory) for conv in convs])
                keep = widths <= side
                row = table[high_step * wide_step * (deep + 1)]
                np.minimum.at(row, widths[keep], times[keep])
    table = np.minimum.accumulate(np.minimum.accumulate(table, axis=0), axis=1)
    return np.asarray(np.minimum(table, table.T)[1 : rows + 1, 1 : cols + 1], dtype=np.float64)


def least_area(table: FloatArray, time: float) -> int:
    """Fewest tiles on which a kernel keeps a time.

    Args:
        table: Its times.
        time: To be kept.
    """
    rows, cols = np.nonzero(table <= time)
    return int(((rows + 1) * (cols + 1)).min()) if len(rows) else table.size


def _steps(number: int) -> list[int]:
    """Smallest divisors with which a side is cut into as many runs."""
    runs = sorted({math.ceil(number / step) for step in range(1, number + 1)})
    return sorted({math.ceil(number / one) for one in runs})


def _depths(channels: Sequence[int]) -> list[int]:
    return sorted({step for number in channels for step in _steps(number)})


def _alone(conv: Conv, high: int, wide: int, deep: int, widths: IntArray, memory: int) -> FloatArray:
    """Time of one convolution with ``k`` = ``widths``; inf where its memory is too large."""
    runs = math.ceil(conv.H / high) * math.ceil(conv.W / wide)
    channels, kernels = math.ceil(conv.C / deep), np.ceil(conv.K / widths)
    halo = math.ceil((conv.W + conv.S - 1) / wide) * math.ceil((conv.H + conv.R - 1) / high)
    held = channels * kernels * conv.R * conv.S + halo * kernels
    times = runs * channels * kernels * conv.R * conv.S / conv.T**2
    return np.where(held <= memory, times, np.inf)


def _widths(alone: Sequence[FloatArray]) -> tuple[FloatArray, IntArray]:
    """Times that convolutions side by side can keep together, and the columns they need for each."""
    times = np.unique(np.concatenate(alone))
    times = times[np.isfinite(times)]
    widths = np.zeros(len(times), dtype=np.int64)
    for one in alone:
        widths += 3 * (1 + np.searchsorted(-one, -times))
    return times, widths
