"""Why a placement is good or bad: hops, bytes x hops per tensor, the hottest links and who loads them, SRAM fill."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from accelsim.mapping.execution.spatial.run import SpatialRun
from accelsim.mapping.placement.base import mean_aspect
from accelsim.mapping.placement.bound import touching_bound_byte_hops
from accelsim.mapping.placement.placement import Placement

HOTTEST = 5
_NAMED = 3


@dataclass(frozen=True, slots=True)
class HotLink:
    """A link of the coarse mesh with its load over the whole run.

    Attributes:
        name: In rows and columns of blocks.
        nbytes: Bytes it carries.
        busy_s: Time these need at its full capacity.
        groups: Groups whose flows load it most, with their bytes.
    """

    name: str
    nbytes: float
    busy_s: float
    groups: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class PlacementReport:
    """What a placement costs.

    Attributes:
        byte_hops: Bytes x hops between middles of rectangles, whole run.
        cost: What the placers compare: ``byte_hops`` raised for long rectangles, all chips.
        mean_aspect: Mean of longer over shorter side.
        bound_byte_hops: The same rectangles with every pair that talks touching: no arrangement of them is cheaper.
        mean_hops: ``byte_hops`` over bytes.
        tensor_byte_hops: ``byte_hops`` by tensor.
        hottest: Links with most bytes, falling.
        sram_fill: Share of its SRAM that each group holds, by name.
        kv_capacity_tokens: Tokens of KV cache that fit beside everything else; None without a KV cache.
    """

    byte_hops: float
    cost: float
    mean_aspect: float
    bound_byte_hops: float
    mean_hops: float
    tensor_byte_hops: dict[str, float]
    hottest: tuple[HotLink, ...]
    sram_fill: dict[str, float]
    kv_capacity_tokens: int | None

    @property
    def gap(self) -> float:
        """How far above the bound, as a fraction."""
        return self.byte_hops / self.bound_byte_hops - 1 if self.bound_byte_hops else 0.0


def explain(run: SpatialRun) -> PlacementReport:
    """The report of one spatial run."""
    total = run.flow_total_bytes
    tensors: dict[str, float] = defaultdict(float)
    moved = 0.0
    for flow, nbytes in zip(run.pipeline.flows, total, strict=True):
        a, b = run.floor.spots[flow.producer], run.floor.spots[flow.consumer]
        if a.chip == b.chip:
            p, q = a.rectangle, b.rectangle
            hops = abs(p.row + p.rows / 2 - q.row - q.rows / 2) + abs(p.col + p.cols / 2 - q.col - q.cols / 2)
            tensors[flow.tensor] += float(nbytes) * hops
            moved += float(nbytes)
    cost, bound = 0.0, 0.0
    for problem, members in run.problems:
        rectangles = [run.floor.spots[i].rectangle for i in members]
        cost += problem.cost(rectangles)
        bound += touching_bound_byte_hops(problem, rectangles)
    byte_hops = sum(tensors.values())
    return PlacementReport(
        byte_hops=byte_hops,
        cost=cost,
        mean_aspect=mean_aspect([spot.rectangle for spot in run.floor.spots]),
        bound_byte_hops=bound,
        mean_hops=byte_hops / moved if moved else 0.0,
        tensor_byte_hops=dict(sorted(tensors.items(), key=lambda item: -item[1])),
        hottest=_hottest(run),
        sram_fill={fill.name: fill.fraction for fill in run.occupancy.fills},
        kv_capacity_tokens=run.occupancy.kv_capacity_tokens,
    )


def placement_of(run: SpatialRun, model: str, seed: int) -> Placement:
    """The placement of a run as a value that can be saved.

    Args:
        run: Groups on their rectangles.
        model: Name that the file carries.
        seed: Seed with which they were placed.
    """
    system = run.floor.system
    names = [group.name for group in run.pipeline.groups]
    spots = dict(zip(names, run.floor.spots, strict=True))
    sram = system.chip.sram_per_core_bytes
    return Placement(
        model=model,
        system=f"{system.name}:{system.num_chips}",
        placer=str(run.plan.placer),
        seed=seed,
        grid=system.chip.core_grid,
        places={name: (spot.chip, spot.rectangle) for name, spot in spots.items()},
        sram_bytes={name: float(spot.rectangle.num_cores * sram) for name, spot in spots.items()},
    )


def link_flows(run: SpatialRun) -> dict[int, dict[int, float]]:
    """Bytes of each flow over each link in the whole run, by number of link and of flow; idle links are left out.

    A link that several flows of one multicast share is booked on the first of them: it carries the bytes once.
    """
    total = run.flow_total_bytes
    carried: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for cast in run.settled.casts:
        lanes = run.settled.lanes(cast)
        branches = lanes.branches or (lanes.routes,)
        for lane, share in enumerate(lanes.lane_bytes(int(total[cast.flows[0]])).tolist()):
            seen: set[int] = set()
            for flow, branch in zip(cast.flows, branches, strict=False):
                for link in branch[lane] if share else ():
                    if link not in seen:
                        seen.add(link)
                        carried[link][flow] += share
    return carried


def _hottest(run: SpatialRun) -> tuple[HotLink, ...]:
    carried = link_flows(run)
    loads = {link: sum(flows.values()) for link, flows in carried.items()}
    found = []
    for link in sorted(loads, key=lambda link: (-loads[link], link))[:HOTTEST]:
        users: dict[str, float] = defaultdict(float)
        for flow, nbytes in carried[link].items():
            users[run.pipeline.groups[run.pipeline.flows[flow].producer].name] += nbytes
        name, capacity = run.floor.links[link]
        most = sorted(users.items(), key=lambda item: -item[1])[:_NAMED]
        found.append(HotLink(name, loads[link], loads[link] / capacity, tuple(most)))
    return tuple(found)
