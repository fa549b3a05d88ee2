"""Published floorplans: soft blocks on a square outline without whitespace, nets between their middles and to pads.

The outline is ``int(sqrt(area)) + 1`` on a side, pads are moved with it and cut to whole units, and a net costs half
the perimeter of the box around its ends.  A tile is a unit, or more where that makes more than :data:`_MOST_TILES` on
a side.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accelsim.mapping.placement.base import Item, Net, PlacementProblem, aspect, half_perimeter
from accelsim.network.noc import Rectangle
from accelsim.validation.placement.files import Folder
from accelsim.validation.placement.instance import Instance

_MOST_TILES = 1000
_REFERENCE = "UFO 2011"
#: Share of its area that a block keeps when sides are cut to whole tiles.
_KEPT = 0.97


def floorplans(data: Folder) -> Iterator[Instance]:
    """All floorplans of a folder that have a published value, by name."""
    published = {
        row["instance"]: float(row["hpwl"])
        for row in csv.DictReader(io.StringIO(data.read("published_floorplan.csv")))
        if row["method"] == _REFERENCE
    }
    for name in data.names("floorplan"):
        given = json.loads(data.read(f"floorplan/{name}.json"))
        if name in published:
            yield _instance(given, published[name])


def _instance(given: Mapping[str, Any], published: float) -> Instance:
    side = int(math.sqrt(given["area"])) + 1
    unit = max(1, math.ceil(side / _MOST_TILES))
    tiles = math.ceil(side / unit)
    wide, high = given["terminal_outline"]
    pads = {
        name: (int(y * side / high) / unit, int(x * side / wide) / unit) for name, (x, y) in given["terminals"].items()
    }
    place = {block["name"]: at for at, block in enumerate(given["blocks"])}
    items = tuple(
        Item(block["name"], max(1, round(block["area"] / unit**2)), max(1, int(block["area"] * _KEPT / unit**2)))
        for block in given["blocks"]
    )
    nets = []
    for ends in given["nets"]:
        members = tuple(dict.fromkeys(place[end] for end in ends if end in place))
        if members:
            nets.append(Net(members, 1.0, tuple(pads[end] for end in ends if end in pads)))
    limit = float(given["max_aspect"])
    problem = PlacementProblem((tiles, tiles), items, (), nets=tuple(nets), most_aspect=limit)

    def value(rectangles: Sequence[Rectangle]) -> float:
        return unit * sum(half_perimeter(net, rectangles) for net in nets)

    def note(rectangles: Sequence[Rectangle]) -> str:
        longest = max(aspect(r) for r in rectangles)
        least = min(r.num_cores / item.tiles for r, item in zip(rectangles, items, strict=True))
        return f"aspect up to {longest:.2f} of {limit:g}, least area {least:.1%} of a block's"

    return Instance(given["name"], "floorplan", problem, value, published, _REFERENCE, note)
