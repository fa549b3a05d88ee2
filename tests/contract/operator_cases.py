"""One small example per registered operator; the contract test fails for an operator without one."""

from __future__ import annotations

from dataclasses import replace

from accelsim.dtypes import DType
from accelsim.workload.group import Group
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads, Mask
from accelsim.workload.operators.attention_backward import AttentionBackward
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.concat import Concat
from accelsim.workload.operators.cross_entropy import CrossEntropy
from accelsim.workload.operators.dispatch import Dispatch
from accelsim.workload.operators.dropout import Dropout
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.exchange import Exchange
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.fused import Fused
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.optimizer_step import OptimizerStep
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.router import Combine, Router
from accelsim.workload.operators.row_gradient import RowGradient
from accelsim.workload.operators.send_recv import SendRecv
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.operators.tree_sum import TreeSum
from accelsim.workload.traversal import Span

_ADD, _NORM = Elementwise.of(rows=4, width=64, name="add"), Norm.of(rows=4, width=64, name="norm")
OPERATOR_CASES: dict[str, tuple[Operator, ...]] = {
    "attention": (
        Attention.of(2, Heads(8, 2, 64), 16, 48),
        Attention.of(2, Heads(8, 8, 64), 1, 48, Mask(window=32), dtype=DType.FP16),
    ),
    "attention_backward": (
        AttentionBackward.of(Attention.of(2, Heads(8, 8, 64), 48, 48)),
        AttentionBackward.of(Attention.of(2, Heads(8, 2, 64), 16, 48, Mask(window=32))),
    ),
    "collective": (
        Collective.of("all_reduce", nbytes=4096, group=Group("tp", 4)),
        Collective.of("all_gather", nbytes=4096, group=Group("tp", 4)),
        Collective.of("reduce_scatter", nbytes=4096, group=Group("tp", 4)),
        Collective.of("all_to_all", nbytes=4096, group=Group("tp", 4)),
    ),
    "combine": (Combine.of(returned=10, rows=4, width=64),),
    "concat": (Concat.of(rows=4, widths=(64, 16)),),
    "cross_entropy": (CrossEntropy.of(rows=4, width=64),),
    "dropout": (Dropout.of(rows=4, width=64),),
    "optimizer_step": (OptimizerStep.of(64),),
    "row_gradient": (RowGradient.of(rows=4, width=64),),
    "dispatch": (Dispatch.of(rows=4, width=64, sent=(3, 2)),),
    "elementwise": (
        Elementwise.of(rows=4, width=64),
        Elementwise.of(rows=4, width=64, function="silu_mul"),
        Elementwise.of(rows=4, width=64, function="gelu"),
    ),
    "embedding": (Embedding.of(rows=4, width=64, vocab=1000),),
    "exchange": (Exchange.of(rows=16, hidden=64, group=Group("ep", 4)),),
    "experts": (
        Experts.of(tokens=6, hidden=64, ffn=128, num_experts=8, top_k=2),
        Experts.of(tokens=6, hidden=64, ffn=128, num_experts=4, top_k=1, function="gelu"),
    ),
    "fused": (
        Fused.chain((_ADD, replace(_NORM, inputs=(_ADD.outputs[0], *_NORM.inputs[1:]))), {"add.out", "norm.out"}),
    ),
    "gemm": (Gemm.of(m=16, n=32, k=64), Gemm.of(m=16, n=32, k=64, batch=3)),
    "norm": (Norm.of(rows=4, width=64), Norm.of(rows=4, width=64, flavour="layernorm")),
    "ragged_attention": (
        RaggedAttention.of([Span(1, 47, 3), Span(16, 32)], heads=8, kv_heads=2, head_dim=64),
        RaggedAttention.of([Span(1, 31, 3), Span(1, 7), Span(40)], heads=8, kv_heads=8, head_dim=64, window=32),
    ),
    "rope": (Rope.of(rows=4, width=64),),
    "router": (Router.of(rows=4, num_experts=64, top_k=2),),
    "send_recv": (SendRecv.of(4096, Group("pp", 4, stride=8), source=2),),
    "softmax": (Softmax.of(rows=4, width=64),),
    "tree_sum": (TreeSum.of(rows=4, width=64, num_inputs=3),),
}
