"""Compare the engines on many random graphs, by hand: ``python tests/property/compare_engines.py [COUNT]``.

A third of them each: any task graphs, traffic on meshes, and long routes over few links.  Timelines with all rates of
all links must be equal bit by bit; the first that differs is printed and ends it with code 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from engine_graphs import Shape, Traffic, mesh_traffic, random_graph

from accelsim.engine import TaskGraph, simulate

KINDS = ("any", "mesh", "long routes")


def draw(kind: str, seed: int) -> Shape | Traffic:
    """A graph to make, by kind and seed."""
    rng = np.random.default_rng(seed)
    if kind == "mesh":
        return Traffic(
            side=int(rng.integers(2, 7)),
            num_tasks=int(rng.integers(1, 150)),
            window_ticks=int(rng.choice([1, 100, 10_000])),
            equal_sizes=bool(rng.integers(2)),
            equal_capacities=bool(rng.integers(2)),
            seed=seed,
        )
    few = kind == "long routes"
    return Shape(
        num_tasks=int(rng.integers(1, 200)),
        num_servers=200 if few else int(rng.integers(1, 13)),
        num_links=int(rng.integers(1, 40 if few else 17)),
        max_hops=int(rng.integers(1, 10)),
        max_predecessors=0 if few else int(rng.integers(0, 5)),
        ties=bool(rng.integers(2)),
        seed=seed,
    )


def main(count: int) -> int:
    """Compare that many graphs; the exit code."""
    makers: dict[type, Callable[..., TaskGraph]] = {Traffic: mesh_traffic, Shape: random_graph}
    for seed in range(count):
        drawn = draw(KINDS[seed % len(KINDS)], seed)
        graph = makers[type(drawn)](drawn)
        digests = {engine: simulate(graph, engine, record_rates=True).digest() for engine in ("simpy", "compiled")}  # type: ignore[arg-type]
        if digests["simpy"] != digests["compiled"]:
            print(f"graph {seed} differs: {drawn}")
            return 1
        if (seed + 1) % 1000 == 0:
            print(f"{seed + 1} graphs are equal", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
