"""The dense decoder block: attention and MLP around a residual stream."""

from __future__ import annotations

from dataclasses import replace

from accelsim.workload.blocks.base import Pass, Wiring, register_block
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.model import Model
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.tensor import Axis, Role, Tensor


@register_block("dense")
def build_dense(model: Model, step: Pass) -> OperatorGraph:
    """One decoder block of ``model``, as inference engines run it.

    ::

        in -> attn.norm -> attn.qkv -> attn.rope -> attn.attention -> attn.out -> attn.add -+
        out <- mlp.add <- mlp.down <- mlp.act <- mlp.gate_up <- mlp.norm <-----------------+

    The projection of q, k and v is one Gemm that writes three tensors.  New keys and values belong to the KV cache
    from their birth: values are written there by the projection, keys by the rotation (by the projection when there
    is none).  Attention reads the cached tokens and the new ones.  A sliding window keeps its last positions only.
    A parallel block adds both branches to the residual at once.  With norms after the sublayers, ``attn.norm`` and
    ``mlp.norm`` follow the additions.

    Not modelled: fusion of norms and additions into neighbours, ALiBi's bias (computed inside attention), paging.

    Returns:
        Graph named ``"decoder"``.
    """
    wiring = Wiring(model, step)
    x = wiring.activation("decoder.in", wiring.hidden)
    if model.parallel_block:
        attended = wiring.norm("attn.norm", x)
        mlp_in = wiring.norm("mlp.norm", x) if model.num_parallel_norms == 2 else attended
        attended = _attention(wiring, attended)
        wiring.sum("mlp.add", x, attended, _mlp(wiring, mlp_in))
    elif model.norm_position == "pre":
        x = wiring.sum("attn.add", x, _attention(wiring, wiring.norm("attn.norm", x)))
        wiring.sum("mlp.add", x, _mlp(wiring, wiring.norm("mlp.norm", x)))
    else:
        x = wiring.norm("attn.norm", wiring.sum("attn.add", x, _attention(wiring, x)))
        wiring.norm("mlp.norm", wiring.sum("mlp.add", x, _mlp(wiring, x)))
    return wiring.graph("decoder")


def _attention(wiring: Wiring, x: Tensor) -> Tensor:
    """Self-attention of the new tokens ``x[batch, q_len, hidden]`` over cache and new tokens."""
    model, step = wiring.model, wiring.step
    heads = Axis.of("heads", model.num_attention_heads, model.head_dim)
    kv_heads = Axis.of("kv_heads", model.num_key_value_heads, model.head_dim)
    q = wiring.activation("attn.q", heads)
    k = replace(wiring.activation("attn.k", kv_heads), dtype=step.kv_dtype, role=Role.KV_CACHE)
    v = replace(k, name="attn.v")
    qkv = Axis("qkv", heads.parts + kv_heads.parts * 2)
    if model.position == "rope":
        raw = wiring.activation("attn.q_raw", heads), wiring.activation("attn.k_raw", kv_heads)
        wiring.gemm("attn.qkv", x, qkv, model.attention_bias, (*raw, v))
        wiring.add(Rope("attn.rope", raw, (q, k)))
    else:
        wiring.gemm("attn.qkv", x, qkv, model.attention_bias, (q, k, v))
    attend = _flash if step.attention == "flash" else _standard
    result = attend(wiring, q, _with_past(step, k, model.sliding_window), _with_past(step, v, model.sliding_window))
    return wiring.gemm("attn.out", result, wiring.hidden, model.attention_output_bias)


def _with_past(step: Pass, new: Tensor, window: int | None) -> tuple[Tensor, ...]:
    """The cached tensor, if any tokens are cached, and the new one, both along ``kv_len``."""
    batch, q_len, kv_heads = new.axes
    seen = replace(new, axes=(batch, Axis.of("kv_len", q_len.size), kv_heads))
    past_len = step.past_len if window is None else min(step.past_len, window - 1)
    if past_len == 0:
        return (seen,)
    return (replace(new, name=f"{new.name}_past", axes=(batch, Axis.of("kv_len", past_len), kv_heads)), seen)


def _flash(wiring: Wiring, q: Tensor, keys: tuple[Tensor, ...], values: tuple[Tensor, ...]) -> Tensor:
    result = replace(q, name="attn.attention.out")
    window = wiring.model.sliding_window or 0
    return wiring.add(Attention("attn.attention", (q, *keys, *values), (result,), window=window))


def _standard(wiring: Wiring, q: Tensor, keys: tuple[Tensor, ...], values: tuple[Tensor, ...]) -> Tensor:
    """Scores, softmax and weighted sum as three operators; masked scores are computed and stored like any other."""
    batch, q_len, heads = q.axes
    head_dim = Axis.of("head_dim", heads.width)
    head = Axis.of("heads", heads.count)
    kv_len = Axis.of("kv_len", sum(tensor.axis("kv_len").size for tensor in keys))
    scores = Tensor("attn.scores.out", (batch, head, q_len, kv_len), q.dtype)
    weights = replace(scores, name="attn.softmax.out")
    split = replace(q, name="attn.context.out", axes=(batch, q_len, head, head_dim))
    grouped = ("heads", "kv_heads")
    q_view = replace(q, axes=split.axes)
    k_views, v_views = (tuple(_head_view(t, head_dim) for t in tensors) for tensors in (keys, values))
    wiring.add(Gemm("attn.scores", (q_view, *k_views), (scores,), grouped=grouped, concatenated_axis="kv_len"))
    wiring.add(Softmax("attn.softmax", (scores,), (weights,)))
    wiring.add(Gemm("attn.context", (weights, *v_views), (split,), grouped=grouped, concatenated_axis="kv_len"))
    return replace(q, name=split.name)


def _head_view(tensor: Tensor, head_dim: Axis) -> Tensor:
    """The same bytes with the head axis split into heads and elements."""
    batch, kv_len, kv_heads = tensor.axes
    return replace(tensor, axes=(batch, kv_len, Axis.of("kv_heads", kv_heads.count), head_dim))


def _mlp(wiring: Wiring, x: Tensor) -> Tensor:
    """Up projection (with gate), activation, down projection."""
    model = wiring.model
    ffn = Axis.of("ffn", model.intermediate_size)
    if model.gated_mlp:
        up = wiring.gemm("mlp.gate_up", x, Axis("gate_up", ffn.parts * 2), model.mlp_bias)
        function = f"{model.hidden_act}_mul"
    else:
        up = wiring.gemm("mlp.up", x, ffn, model.mlp_bias)
        function = model.hidden_act
    act = Elementwise("mlp.act", (up,), (wiring.activation("mlp.act.out", ffn),), function)
    return wiring.gemm("mlp.down", wiring.add(act), wiring.hidden, model.mlp_bias)
