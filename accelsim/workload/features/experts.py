"""Mixtures of experts: which layers have them, and what these compute in place of an MLP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from accelsim.config.bounds import CountOrNone, Layers, LayersOrNone, WidthOrNone
from accelsim.workload.features.feed_forward import FeedForward, activation, mlp
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.router import Router, gates
from accelsim.workload.tensor import Axis, Tensor
from accelsim.workload.wiring import Wiring

#: Fields that mean nothing without experts.
_OF_EXPERTS = (
    "num_experts_per_tok",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "shared_expert_gate",
    "router_bias",
    "first_k_dense_replace",
    "decoder_sparse_step",
    "mlp_only_layers",
)


class ExpertLayers(FeedForward):
    """Experts of some layers, routed and shared."""

    config_keys: ClassVar[tuple[str, ...]] = (
        "decoder_sparse_step",
        "first_k_dense_replace",
        "moe_intermediate_size",
        "num_experts",
        "num_experts_per_tok",
        "shared_expert_intermediate_size",
    )
    announced_by: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "expert_layer_period",
            "first_k_dense_replace",
            "moe_intermediate_size",
            "n_routed_experts",
            "num_experts",
            "num_experts_per_tok",
            "num_local_experts",
        ),
        "mixture of experts",
    )

    num_experts: CountOrNone = Field(0, description="Routed experts of a sparse layer; 0: a dense model.")
    num_experts_per_tok: CountOrNone = Field(0, description="Routed experts of one token.")
    moe_intermediate_size: WidthOrNone = Field(0, description="Width inside one expert; default: intermediate_size.")
    shared_expert_intermediate_size: WidthOrNone = Field(
        0, description="Width of all shared experts together; 0: none."
    )
    shared_expert_gate: bool = Field(False, description="Whether a learned gate scales the shared experts (Qwen2).")
    router_bias: bool = Field(False, description="Whether the router has a bias per expert.")
    first_k_dense_replace: LayersOrNone = Field(0, description="Layers from the first on that have no experts.")
    decoder_sparse_step: Layers = Field(1, description="Layer i (from 0) has experts if i + 1 is a multiple.")
    mlp_only_layers: tuple[LayersOrNone, ...] = Field((), description="Layers without experts, counted from 0.")

    @classmethod
    def fill(cls, data: dict[str, Any]) -> None:
        """Experts as wide as an MLP."""
        if data.get("num_experts"):
            data.setdefault("block", "moe")
            if isinstance(data.get("intermediate_size"), int):
                data.setdefault("moe_intermediate_size", data["intermediate_size"])
        super().fill(data)

    def check(self) -> None:
        """Some layer has experts, and a token not more of them than there are."""
        super().check()
        if not self.num_experts:
            stated = [name for name in _OF_EXPERTS if getattr(self, name) != type(self).model_fields[name].default]
            if stated:
                raise ValueError(f"{', '.join(stated)} describe experts. State num_experts too.")
            return
        if not 1 <= self.num_experts_per_tok <= self.num_experts:
            raise ValueError(f"num_experts_per_tok={self.num_experts_per_tok} must be in 1..{self.num_experts}.")
        if self.parallel_block or self.norm_position == "post":
            raise ValueError(
                "experts are modelled behind a norm of their own: norm_position pre or both, no parallel_block."
            )
        if not any(self.is_sparse(i) for i in range(self.num_hidden_layers)):
            raise ValueError("no layer has experts: check first_k_dense_replace, decoder_sparse_step, mlp_only_layers.")

    def is_sparse(self, layer: int) -> bool:
        """Whether the layer of that number, from 0, has experts."""
        is_stepped = (layer + 1) % self.decoder_sparse_step == 0
        return (
            self.num_experts > 0
            and is_stepped
            and layer >= self.first_k_dense_replace
            and layer not in self.mlp_only_layers
        )


def mixture(wiring: Wiring[ExpertLayers], x: Tensor) -> Tensor:
    """Routed experts, and the shared ones beside them.

    Args:
        wiring: Of the graph.
        x: What enters the sublayer, behind its norm.
    """
    model, step = wiring.model, wiring.step
    routes = Axis.of("routes", model.num_experts)
    logits = wiring.gemm("moe.logits", x, routes, model.router_bias)
    chosen = gates("moe.router.out", x.axes[:-1], model.num_experts_per_tok)
    wiring.add(Router("moe.router", (logits,), (chosen,)))
    experts, ffn = Axis.of("experts", model.num_experts, is_padded=True), Axis.of("ffn", model.moe_intermediate_size)
    wide = Axis("gate_up", ffn.parts * 2) if model.gated_mlp else ffn
    weights = [
        wiring.weight("moe.experts.up.weight", experts, wiring.hidden, wide),
        wiring.weight("moe.experts.down.weight", experts, ffn, wiring.hidden),
    ]
    if model.mlp_bias:
        weights += [
            wiring.vector("moe.experts.up.bias", experts, wide),
            wiring.vector("moe.experts.down.bias", experts, wiring.hidden),
        ]
    routed = wiring.add(
        Experts(
            "moe.experts",
            (wiring.operand("moe.experts", x), chosen, *weights),
            (replace(x, name="moe.experts.out"),),
            activation(wiring),
            model.num_experts_per_tok,
            model.num_experts,
            step.traversal.tokens,
            step.recipe.routing,
            has_bias=model.mlp_bias,
        )
    )
    if not model.shared_expert_intermediate_size:
        return routed
    shared = mlp(wiring, x, model.shared_expert_intermediate_size, "moe.shared")
    if model.shared_expert_gate:
        gate = wiring.gemm("moe.shared.gate", x, Axis.of("gate", 1))
        scaled = replace(shared, name="moe.shared.scale.out")
        shared = wiring.add(Elementwise("moe.shared.scale", (shared, gate), (scaled,), "scale"))
    return wiring.sum("moe.sum", routed, shared)
