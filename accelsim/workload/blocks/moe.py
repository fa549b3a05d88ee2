"""The sparse decoder block: attention, and a mixture of experts in place of the MLP."""

from __future__ import annotations

from accelsim.workload.blocks._residual import build_block
from accelsim.workload.blocks.base import register_block
from accelsim.workload.description import Description
from accelsim.workload.features.experts import mixture
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.layer import Layer
from accelsim.workload.wiring import Pass, Wiring


@register_block("moe")
def build_moe(model: Description, step: Pass, layer: Layer) -> OperatorGraph:
    """One decoder block with experts, as inference engines run it.

    ::

        moe.norm -+-> moe.logits -> moe.router -> moe.experts --------------------+-> moe.sum -> moe.add
                  +-> moe.shared.gate_up -> moe.shared.act -> moe.shared.down ----+     (with shared experts)

    The routed experts are one fused operator (:class:`~accelsim.workload.operators.experts.Experts`).  Expert
    parallelism puts the exchange of tokens around it (:mod:`accelsim.mapping.shard`).

    Not modelled: routers confined to groups of experts, tokens dropped at a capacity, multi-token prediction.

    Args:
        model: Shapes and structure, with experts.
        step: The tokens, and how they and their experts are computed.
        layer: Which sparse layer of the model.

    Returns:
        Graph named after the layer.
    """
    return build_block(Wiring(model, step), layer, mixture, "moe")
