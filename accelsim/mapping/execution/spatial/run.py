"""A spatial run from model to task graph: groups, sizes, placement, prices, tasks."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from accelsim.cost.base import Region
from accelsim.engine.program import Program
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.system import System
from accelsim.mapping.booking import Overlapped
from accelsim.mapping.execution.spatial.booking import book
from accelsim.mapping.execution.spatial.casts import Cast, casts_of
from accelsim.mapping.execution.spatial.faults import WorkingTiles, check_reachable, fault_warnings
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.groups import (
    Part,
    Pipeline,
    buffer_bytes,
    build_pipeline,
    check_grouped,
    flow_bytes,
    operators_of,
)
from accelsim.mapping.execution.spatial.judge import LatencyJudge, PriceRow
from accelsim.mapping.execution.spatial.lowering import Streamed, lower_pipeline
from accelsim.mapping.execution.spatial.occupancy import Fill, Occupancy, kv_capacity
from accelsim.mapping.execution.spatial.placing import ChipProblem, chip_problems, place_groups, use_placement
from accelsim.mapping.execution.spatial.pricing import GroupPrice, GroupPricer, between
from accelsim.mapping.execution.spatial.sizing import Sizes, Space, free_space, size_groups
from accelsim.mapping.execution.spatial.stream import Shape, Stream, build_stream, longest_unit, segments_of
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.placement.base import PLACEMENT_SUFFIXES
from accelsim.mapping.placement.constraints import PlacementConstraints, ResolvedConstraints
from accelsim.mapping.placement.placement import Placement, load_placement
from accelsim.mapping.plan import Plan
from accelsim.units import format_quantity
from accelsim.workload.graph import Segment
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Role

DEFAULT_PLACER = "snake"
#: Evaluations of the cost a placer may spend inside a run.
PLACER_BUDGET = 10_000
#: Times the groups are placed again with more tiles for those that do not fit the sides they were given.
PLACEMENT_ROUNDS = 8
#: Lengths of the cache at which a group is priced; between them its price is interpolated.
SAMPLED_LENGTHS = 17
#: A larger chunk is taken if its estimate is within this of the best: fewer units are cheaper to simulate and to run.
CHUNK_TOLERANCE = 1.02
#: Tokens per unit tried when the plan names no chunk.
CHUNKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class SpatialRun:
    """The values of the stages of a spatial run.

    Attributes:
        plan: The plan with chunk and placer filled in.
        pipeline: Groups and flows.
        stream: Units.
        sizes: Tiles of each part.
        problems: The placement problem of each chip, with the groups it holds.
        floor: Where each group is.
        prices: Price of each group for each shape.
        flow_bytes: Bytes of each flow for each shape. int64[F, shapes].
        footprint: SRAM of the fullest chip.
        occupancy: SRAM of every group.
        warnings: What faults of the chip cost.
        program: The task graph.
        overlapped: What it stands for.
        price_row: Prices of a part on any region for each shape.
    """

    plan: Plan
    pipeline: Pipeline
    stream: Stream
    sizes: Sizes
    problems: tuple[ChipProblem, ...]
    floor: Floor
    prices: tuple[tuple[GroupPrice | None, ...], ...]
    flow_bytes: np.ndarray
    footprint: Footprint
    occupancy: Occupancy
    warnings: tuple[str, ...]
    program: Program
    overlapped: Overlapped
    price_row: PriceRow = field(repr=False)

    @cached_property
    def link_byte_hops(self) -> float:
        """Bytes times core hops over all links of the on-chip networks, whole run; detours around faults included."""
        return sum(
            float(lanes.lane_bytes(int(n)) @ lanes.hops) * int(times)
            for cast in self.casts
            for lanes in [self.floor.lanes(cast.producer, *cast.consumers)]
            for n, times in zip(self.flow_bytes[cast.flows[0]], self.stream.counts, strict=True)
        )

    @cached_property
    def casts(self) -> tuple[Cast, ...]:
        """What the networks carry: flows of one tensor from one group to one chip are one cast."""
        return casts_of(self.pipeline.flows, [spot.chip for spot in self.floor.spots])


class SpatialMapper:
    """Maps one phase of a model on a system's tiles.

    Args:
        model: What is computed.
        system: A machine of cores with SRAM and an on-chip mesh; all its chips are used.
        phase: On which tokens.
        recipe: How the model is computed.
        largest: Segments of the pass that holds most, all sequences.
        constraints: What the placement must respect.

    Raises:
        PlanError: The chip has no on-chip network.
        RoutingError: Dead links cut a tile off.
    """

    def __init__(
        self,
        model: Model,
        system: System,
        phase: Phase,
        recipe: Recipe,
        largest: Sequence[Segment],
        constraints: PlacementConstraints | None = None,
    ) -> None:
        if system.chip.noc is None:
            raise PlanError(
                f"plan: execution=spatial needs an on-chip network, {system.chip.name} has none. "
                "Use execution=whole_chip, or add noc to the chip's file."
            )
        self._model, self._system, self._phase = model, system, phase
        self._recipe, self._largest, self._constraints = recipe, largest, constraints
        check_reachable(system.chip)
        self._pricer, self._working = GroupPricer(system.chip), WorkingTiles(system.chip)
        self._segments: dict[Shape, Sequence[Segment]] = {}

    def run(
        self, plan: Plan, seed: int = 0, budget: int = PLACER_BUDGET, placement: Placement | None = None
    ) -> SpatialRun:
        """Every stage, from the cut into groups to the task graph.

        Args:
            plan: How to cut and place; its placer may be the name of a placement file.
            seed: Of the placer.
            budget: Evaluations the placer may make.
            placement: Where the groups are; None asks the plan's placer.

        Raises:
            CapacityError: Weights, KV cache and buffers exceed the SRAM.
            PlanError: Unknown granularity.
            PlacementError: No layout on the grid.
        """
        pipeline = build_pipeline(self._largest, plan.granularity, self._phase.feeds_back)
        constraints, space = self._space(pipeline)
        stream, sizes = self._choose_chunk(pipeline, plan, space)
        placer = plan.placer or DEFAULT_PLACER
        if placement is None and placer.endswith(PLACEMENT_SUFFIXES):
            placement = load_placement(placer)
        flows = self._flow_bytes(pipeline, stream)
        row_of = self._row_of(pipeline, stream)
        judge = (
            LatencyJudge(pipeline, stream, flows, row_of, self._system.chip) if plan.objective == "latency" else None
        )
        for _ in range(1 if placement else PLACEMENT_ROUNDS):
            problems = chip_problems(pipeline, sizes, flows @ stream.counts, self._system, constraints, judge)
            if placement is not None:
                floor = use_placement(problems, self._system, placement)
            else:
                floor = place_groups(problems, self._system, placer, seed, budget)
            prices = self._prices(pipeline, floor, row_of)
            tight = {group.part for group, row in zip(pipeline.groups, prices, strict=True) if _short_bytes(row) > 0}
            if not tight:
                break
            self._check_fit(pipeline, floor, prices, stream, constraints.pinned)
            sizes = sizes.enlarged(tight)
        else:
            self._check_fit(pipeline, floor, prices, stream)
        chunk = max(shape.tokens for shape in stream.shapes)
        occupancy = self._occupancy(pipeline, stream, floor, prices)
        streamed = Streamed(pipeline, stream, floor, prices, flows)
        program, alone_s, kinds = lower_pipeline(streamed)
        return SpatialRun(
            plan=plan.replace(chunk=chunk, placer=placer),
            pipeline=pipeline,
            stream=stream,
            sizes=sizes,
            problems=problems,
            floor=floor,
            prices=prices,
            flow_bytes=flows,
            footprint=self._footprint(floor, occupancy),
            occupancy=occupancy,
            warnings=fault_warnings(self._system.chip, sum(fill.num_tiles for fill in occupancy.fills)),
            program=program,
            overlapped=Overlapped(tuple(book(streamed, self._segments_of, self._system)), alone_s, kinds),
            price_row=row_of,
        )

    def fits(self, plan: Plan) -> bool:
        """Whether the groups fit the chips by their sizes; their rectangles are not looked for."""
        try:
            pipeline = build_pipeline(self._largest, plan.granularity, self._phase.feeds_back)
            self._choose_chunk(pipeline, plan, self._space(pipeline)[1])
        except (CapacityError, PlanError):
            return False
        return True

    def _space(self, pipeline: Pipeline) -> tuple[ResolvedConstraints, Space]:
        """The constraints on these groups, and the tiles they leave."""
        asked = self._constraints
        constraints = asked.resolve([g.name for g in pipeline.groups]) if asked else ResolvedConstraints()
        return constraints, free_space(self._system.chip, self._system.num_chips, constraints)

    def _segments_of(self, shape: Shape) -> Sequence[Segment]:
        if shape not in self._segments:
            self._segments[shape] = segments_of(self._model, shape, self._recipe)
        return self._segments[shape]

    def _choose_chunk(self, pipeline: Pipeline, plan: Plan, space: Space) -> tuple[Stream, Sizes]:
        """The chunk asked for, or the one with the least estimated time; sizes that fit it."""
        longest = longest_unit(self._phase)
        asked = [plan.chunk] if plan.chunk is not None else [c for c in CHUNKS if c < longest] + [longest]
        best: tuple[float, Stream, Sizes] | None = None
        refused: CapacityError | None = None
        for chunk in asked:
            stream = build_stream(self._phase, min(chunk, longest))
            try:
                sizes = self._size(pipeline, stream, space)
            except CapacityError as error:
                refused = error
                break  # larger chunks need more
            time_s = sizes.pipelined_s(stream.in_flight, stream.num_units // stream.in_flight)
            if best is not None and time_s > 1.1 * best[0]:
                break
            if best is None or time_s < best[0] * CHUNK_TOLERANCE:
                best = min(time_s, best[0] if best else time_s), stream, sizes
        if best is None:
            assert refused is not None
            raise refused
        return best[1], best[2]

    def _size(self, pipeline: Pipeline, stream: Stream, space: Space) -> Sizes:
        typical = self._segments_of(stream.typical)
        largest = self._segments_of(stream.largest)
        for segments in (self._segments_of(stream.shapes[0]), typical, largest):
            check_grouped(pipeline, segments)
        buffers = [self._buffer_bytes(pipeline, part, largest) for part in range(len(pipeline.parts))]

        def price(part: int, region: Region) -> GroupPrice:
            one = pipeline.parts[part]
            room = self._pricer.price(operators_of(one, largest), region, one.resident_bytes, buffers[part])
            if room.short_bytes > 0:
                return room
            return self._pricer.price(operators_of(one, typical), region, one.resident_bytes, buffers[part])

        return size_groups(pipeline, space, stream.in_flight, price)

    def _buffer_bytes(self, pipeline: Pipeline, part: int, segments: Sequence[Segment]) -> int:
        """Buffers in front of and behind the first group of a part that has most of them."""
        sample = [i for i, group in enumerate(pipeline.groups) if group.part == part][:2]
        return max(buffer_bytes(pipeline, group, segments) for group in sample)

    def _flow_bytes(self, pipeline: Pipeline, stream: Stream) -> np.ndarray:
        table = np.zeros((len(pipeline.flows), len(stream.shapes)), dtype=np.int64)
        last = len(self._largest) - 1
        for at, shape in enumerate(stream.shapes):
            segments = self._segments_of(shape)
            known: dict[tuple[int, str], int] = {}
            for index, flow in enumerate(pipeline.flows):
                key = flow.segment, flow.tensor
                if key not in known:
                    known[key] = flow_bytes(flow, segments)
                if shape.has_logits or flow.segment != last:
                    table[index, at] = known[key]
        return table

    def _prices(self, pipeline: Pipeline, floor: Floor, row_of: PriceRow) -> tuple[tuple[GroupPrice | None, ...], ...]:
        """Price of each group for each shape on its rectangle; groups alike in part and rectangle share one."""
        return tuple(
            row_of(group.part, self._working.region(spot.rectangle))
            for group, spot in zip(pipeline.groups, floor.spots, strict=True)
        )

    def _row_of(self, pipeline: Pipeline, stream: Stream) -> PriceRow:
        """Prices of a part on a region for each shape; each is computed once."""
        largest = self._segments_of(stream.largest)
        last = len(self._largest) - 1

        @cache
        def row_of(index: int, region: Region) -> tuple[GroupPrice | None, ...]:
            part = pipeline.parts[index]
            reached = [shape for shape in stream.shapes if part.segment != last or shape.has_logits]
            priced = self._price_along(part, region, reached, self._buffer_bytes(pipeline, index, largest))
            return tuple(priced.get(shape) for shape in stream.shapes)

        return row_of

    def _price_along(
        self, part: Part, region: Region, shapes: Sequence[Shape], buffers: int
    ) -> dict[Shape, GroupPrice]:
        """Prices for shapes that may differ in cached tokens only; some are priced, those between interpolated."""
        found: dict[Shape, GroupPrice] = {}
        families: dict[tuple[int, int], list[Shape]] = defaultdict(list)
        for shape in shapes:
            families[shape.batch, shape.q_len].append(shape)
        for family in families.values():
            family.sort(key=lambda shape: shape.past_len)
            picks = np.unique(np.linspace(0, len(family) - 1, SAMPLED_LENGTHS).round().astype(int)).tolist()
            for at in picks:
                operators = operators_of(part, self._segments_of(family[at]))
                found[family[at]] = self._pricer.price(operators, region, part.resident_bytes, buffers)
            for low, high in itertools.pairwise(picks):
                left, right = family[low], family[high]
                for shape in family[low + 1 : high]:
                    fraction = (shape.past_len - left.past_len) / (right.past_len - left.past_len)
                    found[shape] = between(found[left], found[right], fraction)
        return found

    def _check_fit(
        self,
        pipeline: Pipeline,
        floor: Floor,
        prices: Sequence[Sequence[GroupPrice | None]],
        stream: Stream,
        among: Container[int] | None = None,
    ) -> None:
        """The rectangles of all groups, or those ``among`` some, must hold what the squares of the sizing did."""
        for index, (group, spot, row) in enumerate(zip(pipeline.groups, floor.spots, prices, strict=True)):
            short = _short_bytes(row)
            if short > 0 and (among is None or index in among):
                part, tiles = pipeline.parts[group.part], self._working.region(spot.rectangle).num_cores
                buffers = buffer_bytes(pipeline, index, self._segments_of(stream.largest))
                scratch = max(price.scratch_bytes for price in row if price is not None)
                held = {"weights": part.weight_bytes / tiles, "KV cache": part.kv_bytes / tiles}
                held |= {"buffers": buffers / tiles, "operator scratch": scratch}
                raise CapacityError(
                    f"{group.name} on {spot.rectangle} of chip {spot.chip}: when the last token is cached, each of "
                    f"{tiles} tiles lacks {_size(short)} of {_size(self._system.chip.sram_per_core_bytes)} SRAM "
                    f"({', '.join(f'{what} {_size(nbytes)}' for what, nbytes in held.items())}). "
                    f"Smallest change that fits: {math.ceil(tiles * short / self._system.chip.sram_per_core_bytes)} "
                    "tiles more; or a smaller chunk, or another placer."
                )

    def _occupancy(
        self, pipeline: Pipeline, stream: Stream, floor: Floor, prices: Sequence[Sequence[GroupPrice | None]]
    ) -> Occupancy:
        largest = self._segments_of(stream.largest)
        fills = []
        for index, (group, spot) in enumerate(zip(pipeline.groups, floor.spots, strict=True)):
            part, tiles = pipeline.parts[group.part], self._working.region(spot.rectangle).num_cores
            fills.append(
                Fill(
                    name=group.name,
                    num_tiles=tiles,
                    weight_bytes=part.weight_bytes / tiles,
                    kv_bytes=part.kv_bytes / tiles,
                    buffer_bytes=buffer_bytes(pipeline, index, largest) / tiles,
                    scratch_bytes=max((price.scratch_bytes for price in prices[index] if price is not None), default=0),
                    capacity_bytes=self._system.chip.sram_per_core_bytes,
                )
            )
        return Occupancy(tuple(fills), kv_capacity(fills, self._phase.fullest().positions))

    def _footprint(self, floor: Floor, occupancy: Occupancy) -> Footprint:
        """Weights, KV cache, and buffers with operator scratch, of the chip that holds most."""
        chips: dict[int, dict[str, int]] = defaultdict(lambda: {role.value: 0 for role in _HELD})
        for spot, fill in zip(floor.spots, occupancy.fills, strict=True):
            held = chips[spot.chip]
            held[Role.WEIGHT.value] += round(fill.weight_bytes * fill.num_tiles)
            held[Role.KV_CACHE.value] += round(fill.kv_bytes * fill.num_tiles)
            held[Role.ACTIVATION.value] += round((fill.buffer_bytes + fill.scratch_bytes) * fill.num_tiles)
        fullest = max(chips.values(), key=lambda held: sum(held.values()))
        return Footprint("sram", self._system.chip.sram_bytes, fullest)


_HELD = (Role.WEIGHT, Role.KV_CACHE, Role.ACTIVATION)


def _short_bytes(row: Sequence[GroupPrice | None]) -> float:
    """SRAM that one tile of a group lacks for its hungriest unit."""
    return max((price.short_bytes for price in row if price is not None), default=0.0)


def _size(nbytes: float) -> str:
    return format_quantity(nbytes, "bytes")
