"""What groups cost: operator graphs of shapes and prices on regions, each made once however often it is asked for."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.cost.base import Region
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.block import BlockPart
from accelsim.mapping.execution.spatial.groups import Pipeline, buffer_bytes, by_part
from accelsim.mapping.execution.spatial.pieces import Pieces, cut, piece_number
from accelsim.mapping.execution.spatial.pricing import GroupPrice, GroupPricer, between
from accelsim.mapping.execution.spatial.stream import Shape, Stream, segments_of
from accelsim.workload.graph import Segment
from accelsim.workload.operator import Operator
from accelsim.workload.recipe import Recipe
from accelsim.workload.subject import Subject

#: Lengths of the cache at which a group is priced; between them its price is interpolated.
SAMPLED_LENGTHS = 17

#: Price of a group for each shape of a stream; None where a shape does not reach the group.
Prices = tuple[GroupPrice | None, ...]

#: Price of the part with a number on a region.
PriceOf = Callable[[int, Region], GroupPrice]


class PriceBook:
    """Remembers what a model costs on one chip, over the passes of a run and over several runs.

    Args:
        model: What is computed.
        recipe: How.
        chip: Where.
        kernels: Which kernels operators run with; one of :data:`~accelsim.cost.base.KERNELS`.
    """

    def __init__(self, model: Subject, recipe: Recipe, chip: Chip, kernels: str = "measured") -> None:
        self._model, self._recipe = model, recipe
        self._pieces: Pieces = {}
        self._pricer = GroupPricer(chip, kernels)
        self._learned: list[tuple[object, object]] = []
        self._whole: dict[Shape, Sequence[Segment]] = {}
        self._segments: dict[Shape, Sequence[Segment]] = {}
        self._operators: dict[tuple[Shape, int], dict[tuple[int, str], tuple[Operator, ...]]] = {}

    def cut(self, pieces: Pieces) -> PriceBook:
        """The book of the same model with groups cut into pieces; both know the prices that either has asked for."""
        if pieces == self._pieces:
            return self
        other = copy(self)
        other._pieces, other._segments, other._operators = pieces, {}, {}
        return other

    def known(self, asked: object) -> object | None:
        """What was learned of a question before, None if nothing was."""
        return next((found for known, found in self._learned if known == asked), None)

    def learn(self, asked: object, found: object) -> None:
        """Keep what was found with these prices, for all books that know them.

        Args:
            asked: The question; equal ones have the same answer.
            found: The answer.
        """
        if self.known(asked) is None:
            self._learned.append((asked, found))

    def segments(self, shape: Shape) -> Sequence[Segment]:
        """Operator graphs of one unit, cut."""
        if shape not in self._segments:
            self._segments[shape] = cut(self._uncut(shape), self._pieces, keeps_idle=False)
        return self._segments[shape]

    def operators(self, part: BlockPart, shape: Shape) -> tuple[Operator, ...]:
        """The operators of a part in one unit.

        They need not be those of the largest pass: latent attention takes another form for a piece of a prompt.

        Args:
            part: A part of a block, such as its attention.
            shape: Of the unit.
        """
        key = shape, piece_number(part.name) or 0
        if key not in self._operators:
            whole = self._uncut(shape)
            self._operators[key] = by_part(cut(whole, self._pieces, only=key[1], keeps_idle=False))
        return self._operators[key].get((part.segment, part.name), ())

    def _uncut(self, shape: Shape) -> Sequence[Segment]:
        """Operator graphs of one unit, whole."""
        if shape not in self._whole:
            self._whole[shape] = segments_of(self._model, shape, self._recipe)
        return self._whole[shape]

    def price(self, part: BlockPart, shape: Shape, region: Region, buffers: int) -> GroupPrice:
        """Price of one unit on a group of ``part`` that has ``buffers`` bytes of buffers.

        Args:
            part: What the group computes.
            shape: Sequences, new and cached tokens of the unit.
            region: Rows and columns of tiles.
            buffers: Bytes of SRAM that the buffers of the group take.
        """
        return self._pricer.price(self.operators(part, shape), region, part.resident_bytes, buffers)

    def along(self, part: BlockPart, region: Region, shapes: Sequence[Shape], buffers: int) -> dict[Shape, GroupPrice]:
        """Prices for shapes that may differ in cached tokens only; some are priced, those between interpolated.

        Args:
            part: What the group computes.
            region: Rows and columns of tiles.
            shapes: Units; few lengths of each batch and number of new tokens are priced.
            buffers: Bytes of SRAM that the buffers of the group take.
        """
        found: dict[Shape, GroupPrice] = {}
        for family in _families(shapes):
            picks = [int(at) for at in np.unique(np.linspace(0, len(family) - 1, SAMPLED_LENGTHS).round())]
            for at in picks:
                found[family[at]] = self.price(part, family[at], region, buffers)
            for low, high in itertools.pairwise(picks):
                left, right = family[low], family[high]
                for shape in family[low + 1 : high]:
                    fraction = (shape.past_len - left.past_len) / (right.past_len - left.past_len)
                    found[shape] = between(found[left], found[right], fraction)
        return found


def _families(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Shapes that differ in cached tokens only, by these."""
    families: dict[tuple[int, int], list[Shape]] = defaultdict(list)
    for shape in shapes:
        families[shape.batch, shape.q_len].append(shape)
    return [sorted(family, key=lambda shape: shape.past_len) for family in families.values()]


class StreamPrices:
    """Prices of the parts of a pipeline for the shapes of one stream, on any region; groups alike share theirs."""

    def __init__(self, pipeline: Pipeline, stream: Stream, book: PriceBook) -> None:
        self._pipeline, self._stream, self._book = pipeline, stream, book
        self._known: dict[tuple[int, Region, int], Prices] = {}
        self._single: dict[tuple[int, Region, int], GroupPrice] = {}

    def one(self, part: int, region: Region, at: int) -> GroupPrice:
        """Price of a part on a region for one shape alone, or the first that reaches the part; not interpolated.

        Args:
            part: Index of the part.
            region: Rows and columns of tiles.
            at: Index of the shape.
        """
        key = part, region, at
        if key not in self._single:
            block = self._pipeline.parts[part]
            reached = self._reached(block)
            shape = self._stream.shapes[at]
            shape = shape if shape in reached else reached[0]
            self._single[key] = self._book.price(block, shape, region, self.part_buffer_bytes(part))
        return self._single[key]

    def on(self, part: int, region: Region, beside_bytes: int = 0) -> Prices:
        """Price of a part on a region for each shape.

        Args:
            part: Index of the part.
            region: Rows and columns of tiles.
            beside_bytes: What other groups keep on the same tiles.
        """
        key = part, region, beside_bytes
        if key not in self._known:
            held = self.part_buffer_bytes(part) + beside_bytes
            self._known[key] = self._priced(self._pipeline.parts[part], region, held)
        return self._known[key]

    def hungriest(self, part: int, region: Region) -> GroupPrice:
        """Price of a part on a region for the unit with which it needs most SRAM, of those with most cached tokens.

        Args:
            part: Index of the part.
            region: Rows and columns of tiles.
        """
        block, buffers = self._pipeline.parts[part], self.part_buffer_bytes(part)
        fullest = (family[-1] for family in _families(self._reached(block)))
        priced = (self._book.price(block, shape, region, buffers) for shape in fullest)
        return max(priced, key=lambda price: price.short_bytes + price.scratch_bytes)

    def part_buffer_bytes(self, part: int) -> int:
        """Buffers in front of and behind the first group of a part that has most of them."""
        sample = [i for i, group in enumerate(self._pipeline.groups) if group.part == part][:2]
        return max(self.group_buffer_bytes(group) for group in sample)

    def group_buffer_bytes(self, group: int) -> int:
        """Buffers in front of and behind one group."""
        return int(self._buffers[group])

    @cached_property
    def _buffers(self) -> npt.NDArray[np.int64]:
        return buffer_bytes(self._pipeline, self._book.segments(self._stream.largest))

    def _priced(self, part: BlockPart, region: Region, buffers: int) -> Prices:
        priced = self._book.along(part, region, self._reached(part), buffers)
        return tuple(priced.get(shape) for shape in self._stream.shapes)

    def _reached(self, part: BlockPart) -> list[Shape]:
        """Shapes of the units that go through a part."""
        return [s for s in self._stream.shapes if s.has_logits or part.segment != self._pipeline.last_segment]


def short_bytes(prices: Prices) -> float:
    """SRAM that one tile of a group lacks for its hungriest unit."""
    return max((price.short_bytes for price in prices if price is not None), default=0.0)
