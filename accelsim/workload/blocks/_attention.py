"""Self-attention of one layer: grouped heads with a cache of keys and values, or latent attention (MLA)."""

from __future__ import annotations

from dataclasses import replace

from accelsim.workload.blocks._latent import attend_latent
from accelsim.workload.blocks._scores import scores_to_values, with_past
from accelsim.workload.blocks.base import Wiring
from accelsim.workload.model import Layer
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.tensor import Axis, Role, Tensor


def attend(wiring: Wiring, layer: Layer, x: Tensor) -> Tensor:
    """Self-attention of the new tokens ``x[..., hidden]`` over cache and new tokens, projected back."""
    if wiring.model.kv_lora_rank:
        return attend_latent(wiring, x)
    return _grouped(wiring, layer, x)


def _grouped(wiring: Wiring, layer: Layer, x: Tensor) -> Tensor:
    """Query heads that share key-value heads (MHA, GQA, MQA).

    The projection of q, k and v is one Gemm that writes three tensors.  New keys and values belong to the KV cache from
    their birth: values are written there by the projection, keys by the last operator on them (norm of the heads,
    rotation, or the projection itself).  A sliding window keeps its last positions only.
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


def _head_norm(wiring: Wiring, name: str, x: Tensor, result: Tensor | None) -> Tensor:
    """Norm over the elements of each head."""
    *outer, heads = x.axes
    axes = (*outer, Axis.of(heads.name, heads.count), Axis.of("head_dim", heads.width))
    weight = wiring.vector(f"{name}.weight", axes[-1])
    normed = result or replace(x, name=f"{name}.out")
    flavour = wiring.model.norm
    wiring.add(Norm(name, (replace(x, axes=axes), weight), (replace(normed, axes=axes),), flavour))
    return normed
