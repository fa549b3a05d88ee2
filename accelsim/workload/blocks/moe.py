"""The sparse decoder block: attention, and a mixture of experts in place of the MLP."""

from __future__ import annotations

from dataclasses import replace

from accelsim.workload.blocks._feed_forward import activation, mlp
from accelsim.workload.blocks._residual import build_block
from accelsim.workload.blocks.base import Pass, Wiring, register_block
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.model import Layer, Model
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.router import Router, gates
from accelsim.workload.tensor import Axis, Tensor


@register_block("moe")
def build_moe(model: Model, step: Pass, layer: Layer) -> OperatorGraph:
    """One decoder block with experts, as inference engines run it.

    ::

        moe.norm -+-> moe.logits -> moe.router -> moe.experts --------------------+-> moe.sum -> moe.add
                  +-> moe.shared.gate_up -> moe.shared.act -> moe.shared.down ----+     (with shared experts)

    The routed experts are one fused operator (:class:`~accelsim.workload.operators.experts.Experts`).  Expert
    parallelism puts the exchange of tokens around it (:mod:`accelsim.mapping.shard`).

    Not modelled: routers confined to groups of experts, tokens dropped at a capacity, multi-token prediction.

    Returns:
        Graph named after the layer.
    """
    return build_block(Wiring(model, step), layer, _experts, "moe")


def _experts(wiring: Wiring, x: Tensor) -> Tensor:
    """Routed experts, and the shared ones beside them."""
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
