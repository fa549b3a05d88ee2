"""The dense decoder block: attention and MLP around a residual stream."""

from __future__ import annotations

from accelsim.workload.blocks._residual import build_block
from accelsim.workload.blocks.base import register_block
from accelsim.workload.description import Description
from accelsim.workload.features.feed_forward import mlp
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.layer import Layer
from accelsim.workload.wiring import Pass, Wiring


@register_block("dense")
def build_dense(model: Description, step: Pass, layer: Layer) -> OperatorGraph:
    """One decoder block of ``model``, as inference engines run it.

    ::

        in -> attn.norm -> attn.qkv -> attn.rope -> attn.attention -> attn.out -> attn.add -+
        out <- mlp.add <- mlp.down <- mlp.act <- mlp.gate_up <- mlp.norm <-----------------+

    Not modelled: fusion of norms and additions into neighbours, ALiBi's bias (computed inside attention), paging.

    Args:
        model: Shapes and structure.
        step: The tokens, and how they are computed.
        layer: Which layer of the model.

    Returns:
        Graph named after the layer.
    """
    return build_block(Wiring(model, step), layer, lambda wiring, x: mlp(wiring, x, model.intermediate_size), "mlp")
