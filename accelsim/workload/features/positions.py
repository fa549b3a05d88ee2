"""How the place of a token in its sequence enters, and which places attention sees."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from accelsim.config.bounds import CountOrNone, Layers, LayersOrNone, Tokens
from accelsim.workload.features.base import Feature


class Positions(Feature):
    """Rotated keys and queries, a learned table, a bias, or none."""

    config_keys: ClassVar[tuple[str, ...]] = ("max_position_embeddings",)

    max_position_embeddings: Tokens = Field(description="Longest sequence the positions are made for.")
    position: Literal["rope", "learned", "alibi", "none"] = Field("rope", description="How positions enter.")
    position_offset: CountOrNone = Field(0, description="Extra rows of a learned position table (OPT: 2).")

    @property
    def position_rows(self) -> int:
        """Rows of the learned position table; 0 without one."""
        return self.max_position_embeddings + self.position_offset if self.position == "learned" else 0


class Windows(Feature):
    """Layers whose attention sees the last positions only."""

    sliding_window: Tokens | None = Field(None, description="Positions a token attends to at most; null: all.")
    sliding_window_pattern: Layers = Field(
        1, description="Every so manyth layer attends to all positions, the others to the window; 1: all to the window."
    )

    full_attention_layers: tuple[LayersOrNone, ...] = Field(
        (), description="Layers that attend to all positions, counted from 0, where no pattern gives them."
    )

    def window_of(self, layer: int) -> int | None:
        """Positions that a token attends to at most in the layer of that number, from 0; None: all."""
        in_pattern = self.sliding_window_pattern > 1 and (layer + 1) % self.sliding_window_pattern == 0
        return None if in_pattern or layer in self.full_attention_layers else self.sliding_window
