"""The residual stream: how wide and how deep it is, its norms, and how sublayers hang on it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from accelsim.config.bounds import Layers, Width
from accelsim.workload.features.base import Feature


class ResidualStream(Feature):
    """Width, depth, norms."""

    derived: ClassVar[tuple[str, ...]] = ("norm_bias", "final_norm")
    config_keys: ClassVar[tuple[str, ...]] = ("hidden_size", "num_hidden_layers")

    hidden_size: Width = Field(description="Width of the residual stream.")
    num_hidden_layers: Layers = Field(description="Decoder blocks.")
    norm: Literal["rmsnorm", "layernorm"] = Field("rmsnorm", description="Normalisation of the residual stream.")
    norm_bias: bool = Field(False, description="Whether norms have a bias; default: true for layernorm.")
    norm_position: Literal["pre", "post", "both", "after"] = Field(
        "pre",
        description="Norm before each sublayer, after its addition (post), before and after the sublayer (both), or "
        "after the sublayer alone (OLMo 2).",
    )
    final_norm: bool = Field(True, description="Whether a norm precedes the logits; default: unless norms are post.")
    parallel_block: bool = Field(False, description="Attention and MLP read the same input and are added together.")
    num_parallel_norms: Literal[1, 2] = Field(1, description="Norms of a parallel block: shared, or one per branch.")

    @classmethod
    def fill(cls, data: dict[str, Any]) -> None:
        """Biases of norms go with layernorm, a norm at the end with norms before sublayers."""
        data.setdefault("norm_bias", data.get("norm") == "layernorm")
        data.setdefault("final_norm", data.get("norm_position", "pre") != "post")
        super().fill(data)

    def check(self) -> None:
        """A parallel block has its norms in front."""
        if self.parallel_block and self.norm_position != "pre":
            raise ValueError(f"parallel_block needs norm_position pre, got {self.norm_position}")
        super().check()
