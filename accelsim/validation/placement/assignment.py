"""Assignment problems of QAPLIB: items of one tile, each on a tile of its own; flow times distance of ordered pairs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from accelsim.mapping.placement.base import Item, ItemWire, PlacementProblem
from accelsim.network.noc import Rectangle
from accelsim.validation.placement.files import Folder
from accelsim.validation.placement.instance import Instance


def assignments(data: Folder) -> Iterator[Instance]:
    """All assignment problems of a folder, by name."""
    for name in data.names("qap"):
        yield _instance(json.loads(data.read(f"qap/{name}.json")))


def _instance(given: Mapping[str, Any]) -> Instance:
    number = int(given["n"])
    flow = np.array(given["flow"], dtype=np.float64)
    rows, cols = given.get("grid") or (1, number)
    wires = tuple(ItemWire(int(a), int(b), float(flow[a, b])) for a, b in np.argwhere(flow) if a != b)
    between = None if given.get("grid") else np.array(given["distance"], dtype=np.float64)
    items = tuple(Item(f"i{at}", 1) for at in range(number))
    problem = PlacementProblem((rows, cols), items, wires, between=between)

    def value(rectangles: Sequence[Rectangle]) -> float:
        tiles = [r.row * cols + r.col for r in rectangles]
        if between is None:
            at = np.array([(r.row, r.col) for r in rectangles])
            far = np.abs(at[:, None] - at).sum(axis=2)
        else:
            far = between[np.ix_(tiles, tiles)]
        return float((flow * far).sum())

    return Instance(given["name"], "qap", problem, value, float(given["best"]), "best known", lambda _: "")
