"""A block: the dense one with a running mean behind it; a model asks for it by ``block: dense_smoothed``."""

from __future__ import annotations

from dataclasses import replace

from accelsim.workload.blocks.base import BLOCKS, register_block
from accelsim.workload.description import Description
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.layer import Layer
from accelsim.workload.wiring import Pass
from accelsim_example.operator import RunningMean


@register_block("dense_smoothed")
def build_dense_smoothed(model: Description, step: Pass, layer: Layer) -> OperatorGraph:
    """The dense decoder block, its result smoothed along the positions."""
    dense = BLOCKS.get("dense")(model, step, layer)
    x = dense.operators[-1].outputs[0]
    smoothed = RunningMean("smooth.mean", (x,), (replace(x, name="smooth.out"),))
    return OperatorGraph(dense.name, (*dense.operators, smoothed))
