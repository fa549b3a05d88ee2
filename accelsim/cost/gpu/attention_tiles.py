"""How attention libraries divide their work: queries and keys of one tile by head width, and the order of the tiles.

These are facts of public code, not calibrated numbers::

    FlashAttention-2   csrc/flash_attn/src/flash_fwd_launch_template.h, flash_bwd_launch_template.h
                       (with a paged cache: run_mha_fwd_splitkv_dispatch, 64 queries whatever the head)
    FlashAttention-3   hopper/tile_size.h, hopper/flash_bwd_launch_template.h
    FlashAttention-1   csrc/flash_attn/src/fmha_fwd_launch_template.h: whole sequences per core

The kernels of TensorRT-LLM are published as binaries: two tiles of 128 queries that take turns (one where a head of 256
fills the tensor memory), 64 keys per step, are what the measured times of B200 say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.gpu.machine import Array
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean


class Tile(NamedTuple):
    """Extents of one tile for heads up to a width.

    Attributes:
        max_head_dim: Widest head it is used for.
        queries: Queries one core works on at a time.
        keys: Keys per step.
        few_queries: Height of a smaller tile that is used where all queries of a KV head fit it; 0 is none.
    """

    max_head_dim: float
    queries: int
    keys: int
    few_queries: int = 0


class Tiles(NamedTuple):
    """Tiles of an array of attentions and the blocks each walks over.

    Attributes:
        queries: Queries of a tile or block (of all heads in it).
        keys: Keys of a block or tile.
        number: Tiles.
        blocks: Blocks of all tiles.
        longest: Blocks of the longest tile.
        last: Blocks of the tiles that end last.
    """

    queries: Array
    keys: Array
    number: Array
    blocks: Array
    longest: Array
    last: Array


@dataclass(frozen=True, slots=True)
class Tiling:
    """Tiles of one kernel of a library.

    Attributes:
        tiles: By rising width of a head; the last one stands for all wider heads too.
        packs_queries: Whether the heads that share a KV head lie in one tile.
        last: Which tiles run when cores fall idle: the ``longest`` of a head where tiles start in the order of the
            queries, the ``shortest`` where they are sorted, ``mean`` where the order is not known.
        whole_heads: Whether one core takes all tiles of a head.
    """

    tiles: tuple[Tile, ...]
    packs_queries: bool = False
    last: Literal["longest", "mean", "shortest"] = "mean"
    whole_heads: bool = False

    def extents(self, head_dim: Array, queries: Array) -> tuple[Array, Array]:
        """Queries and keys of a tile, for heads of a width and ``queries`` queries per KV head (or head).

        Args:
            head_dim: Width of a head, an array.
            queries: Queries that could lie in one tile; few of them make a smaller one.
        """
        bounds = [tile.max_head_dim for tile in self.tiles]
        index = np.minimum(np.searchsorted(bounds, head_dim), len(bounds) - 1)
        rows, keys, few = (
            np.array(column, dtype=np.float64)[index]
            for column in zip(*((tile.queries, tile.keys, tile.few_queries) for tile in self.tiles), strict=True)
        )
        return np.where(queries <= few, few, rows), keys

    def arrange(
        self, queries: Array, keys: Array, per_head: Array, seen: Array, exists: NDArray[np.bool_], heads: Array
    ) -> Tiles:
        """Tiles of ``heads`` heads of ``per_head`` tiles; rows of ``seen`` are the blocks of each tile of one head.

        Args:
            queries: Queries of a tile, per shape.
            keys: Keys of a block, per shape.
            per_head: Tiles of one head, per shape.
            seen: Blocks that each tile walks over. float64[tiles, shapes].
            exists: Whether the shape has that tile. bool[tiles, shapes].
            heads: Heads of all sequences, per shape.
        """
        total = seen.sum(axis=0)
        if self.whole_heads:
            return Tiles(queries, keys, heads, heads * total, total, total)
        longest = seen.max(axis=0)
        lasts = {"longest": longest, "mean": total / per_head, "shortest": np.where(exists, seen, np.inf).min(axis=0)}
        return Tiles(queries, keys, heads * per_head, heads * total, longest, lasts[self.last])

    def last_of(self, last_s: Array, number: Array) -> Array:
        """Seconds of the tile that ends last, where heads of several lengths have such tiles of ``last_s``.

        Args:
            last_s: Seconds of the last tile of each length.
            number: Tiles of each length.
        """
        found: Mapping[str, Array] = {
            "longest": last_s.max(keepdims=True),
            "mean": (last_s * number).sum(keepdims=True) / number.sum(keepdims=True),
            "shortest": last_s.min(keepdims=True),
        }
        return found[self.last]


#: Forward kernels by the name a calibration gives the library.
FORWARD: Mapping[str, Tiling] = {
    "flash1": Tiling((Tile(64, 16, 256), Tile(128, 16, 128)), whole_heads=True),
    "flash2": Tiling((Tile(64, 128, 128), Tile(128, 128, 64), Tile(256, 64, 64)), last="longest"),
    "flash2_paged": Tiling((Tile(80, 64, 256), Tile(128, 64, 128), Tile(256, 64, 64)), last="longest"),
    "flash3": Tiling(
        (
            Tile(96, 192, 128),
            Tile(128, 128, 128, 64),
            Tile(192, 128, 96),
            Tile(256, 128, 80),
            Tile(512, 64, 64),
        ),
        packs_queries=True,
        last="shortest",
    ),
    "trtllm": Tiling((Tile(128, 256, 64), Tile(512, 128, 64))),
}

#: Main kernels of the backward pass: keys of a tile, queries of a block.
BACKWARD: Mapping[str, Tiling] = {
    "flash1": Tiling((Tile(64, 16, 256), Tile(128, 16, 128)), whole_heads=True),
    "flash2": Tiling((Tile(64, 128, 128), Tile(128, 64, 128), Tile(256, 64, 64)), last="longest"),
    "flash3": Tiling((Tile(64, 128, 128), Tile(128, 64, 128), Tile(192, 64, 96), Tile(256, 64, 80)), last="shortest"),
}


def tiling(kernels: Mapping[str, Tiling], library: str) -> Tiling:
    """The tiles of ``library``.

    Args:
        kernels: Tiles by library, of one direction.
        library: Name in a calibration, e.g. ``flash2``.

    Raises:
        ConfigError: No such library.
    """
    if library not in kernels:
        known = ", ".join(kernels)
        raise ConfigError(
            f"calibration: unknown attention library {library!r}. Known: {known}.{did_you_mean(library, list(kernels))}"
        )
    return kernels[library]
