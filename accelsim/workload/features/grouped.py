"""Attention of query heads that share key-value heads (MHA, GQA, MQA), with a cache of keys and values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from accelsim.config.bounds import Count, Width
from accelsim.workload.features._scores import scores_to_values, with_past
from accelsim.workload.features.attention import register_attention
from accelsim.workload.features.positions import Positions
from accelsim.workload.features.residual import ResidualStream
from accelsim.workload.layer import Layer
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.tensor import Axis, Role, Tensor
from accelsim.workload.wiring import Wiring


class GroupedHeads(ResidualStream, Positions):
    """Heads of queries, keys and values."""

    derived: ClassVar[tuple[str, ...]] = ("num_key_value_heads", "head_dim", "attention_output_bias")
    config_keys: ClassVar[tuple[str, ...]] = (
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "attention_bias",
    )

    num_attention_heads: Count = Field(description="Query heads.")
    num_key_value_heads: Count = Field(0, description="Key-value heads; default: as many as query heads.")
    head_dim: Width = Field(0, description="Elements of one head; default: hidden_size / num_attention_heads.")
    qk_norm: bool = Field(False, description="Whether q and k are normalised (Qwen3, Gemma 3).")
    qk_norm_over: Literal["head", "all"] = Field(
        "head", description="What qk_norm normalises, with weights of its own: each head, all heads together (OLMo 2)."
    )
    attention_bias: bool = Field(False, description="Biases of the q, k and v projections.")
    attention_output_bias: bool = Field(False, description="Bias of the output projection; default: attention_bias.")

    @classmethod
    def fill(cls, data: dict[str, Any]) -> None:
        """One KV head per query head, heads that divide the stream, biases everywhere or nowhere."""
        heads, hidden = data.get("num_attention_heads"), data.get("hidden_size")
        if isinstance(heads, int) and heads > 0:
            data.setdefault("num_key_value_heads", heads)
            if isinstance(hidden, int) and "head_dim" not in data:
                if hidden % heads:
                    raise ValueError(
                        f"hidden_size={hidden} is not divisible by num_attention_heads={heads}. State head_dim."
                    )
                data["head_dim"] = hidden // heads
        data.setdefault("attention_output_bias", data.get("attention_bias", False))
        super().fill(data)

    def check(self) -> None:
        """KV heads serve equal numbers of query heads."""
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_key_value_heads={self.num_key_value_heads} does not divide "
                f"num_attention_heads={self.num_attention_heads}. Use a divisor."
            )
        super().check()

    @property
    def q_size(self) -> int:
        """Width of all query heads."""
        return self.num_attention_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        """Width of all key heads (and of all value heads)."""
        return self.num_key_value_heads * self.head_dim


@register_attention("grouped")
def attend_grouped(wiring: Wiring[GroupedHeads], layer: Layer, x: Tensor) -> Tensor:
    """Attention of one layer.

    The projection of q, k and v is one Gemm that writes three tensors.  New keys and values belong to the KV cache from
    their birth: values are written there by the projection, keys by the last operator on them (norm of the heads,
    rotation, or the projection itself).  A sliding window keeps its last positions only.

    Args:
        wiring: Of the graph.
        layer: For its window.
        x: What enters the sublayer.
    """
    model, step = wiring.model, wiring.step
    heads = Axis.of("heads", model.num_attention_heads, model.head_dim)
    kv_heads = Axis.of("kv_heads", model.num_key_value_heads, model.head_dim)
    q = wiring.activation("attn.q", heads)
    k = replace(wiring.activation("attn.k", kv_heads), dtype=step.types.kv, role=Role.KV_CACHE)
    v = replace(k, name="attn.v")
    qkv = Axis("qkv", heads.parts + kv_heads.parts * 2)
    is_rotated = model.position == "rope"
    raw_q = wiring.activation("attn.q_raw", heads) if is_rotated or model.qk_norm else q
    raw_k = wiring.activation("attn.k_raw", kv_heads) if is_rotated or model.qk_norm else k
    wiring.gemm("attn.qkv", x, qkv, model.attention_bias, (raw_q, raw_k, v))
    if model.qk_norm:
        raw_q = _head_norm(wiring, "attn.q_norm", raw_q, None if is_rotated else q)
        raw_k = _head_norm(wiring, "attn.k_norm", raw_k, None if is_rotated else k)
    if is_rotated:
        wiring.add(Rope("attn.rope", (raw_q, raw_k), (q, k)))
    keys, values = with_past(step, k, layer.window), with_past(step, v, layer.window)
    result = scores_to_values(wiring, q, keys, values, window=layer.window or 0)
    return wiring.gemm("attn.out", result, wiring.hidden, model.attention_output_bias)


def _head_norm(wiring: Wiring[GroupedHeads], name: str, x: Tensor, result: Tensor | None) -> Tensor:
    """Norm over the elements of each head, or of all heads: one row, whose sum ranks would have to share."""
    *outer, heads = x.axes
    axes = (*outer, Axis.of(heads.name, heads.count), Axis.of("head_dim", heads.width))
    if wiring.model.qk_norm_over == "all":
        axes = (*outer, heads)
    weight = wiring.vector(f"{name}.weight", axes[-1])
    normed = result or replace(x, name=f"{name}.out")
    flavour = wiring.model.norm
    wiring.add(Norm(name, (replace(x, axes=axes), weight), (replace(normed, axes=axes),), flavour))
    return normed
