"""Self-attention of one layer: grouped heads with a cache of keys and values, or latent attention (MLA)."""

from __future__ import annotations

from dataclasses import replace

from accelsim.workload.blocks.base import Pass, Wiring
from accelsim.workload.model import Layer
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.concat import Concat
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.tensor import Axis, Role, Tensor


def attend(wiring: Wiring, layer: Layer, x: Tensor) -> Tensor:
    """Self-attention of the new tokens ``x[batch, q_len, hidden]`` over cache and new tokens, projected back."""
    if wiring.model.kv_lora_rank:
        return _latent(wiring, x)
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
    keys, values = _with_past(step, k, layer.window), _with_past(step, v, layer.window)
    result = _scores_to_values(wiring, q, keys, values, window=layer.window or 0)
    return wiring.gemm("attn.out", result, wiring.hidden, model.attention_output_bias)


def _head_norm(wiring: Wiring, name: str, x: Tensor, result: Tensor | None) -> Tensor:
    """Norm over the elements of each head."""
    *outer, heads = x.axes
    axes = (*outer, Axis.of(heads.name, heads.count), Axis.of("head_dim", heads.width))
    weight = wiring.weight(f"{name}.weight", axes[-1])
    normed = result or replace(x, name=f"{name}.out")
    flavour = wiring.model.norm
    wiring.add(Norm(name, (replace(x, axes=axes), weight), (replace(normed, axes=axes),), flavour))
    return normed


def _with_past(step: Pass, new: Tensor, window: int | None) -> tuple[Tensor, ...]:
    """The cached tensor, if any tokens are cached, and the new one, both along ``kv_len``."""
    batch, q_len, kv_heads = new.axes
    seen = replace(new, axes=(batch, Axis.of("kv_len", q_len.size), kv_heads))
    past_len = step.past_len if window is None else min(step.past_len, window - 1)
    if past_len == 0:
        return (seen,)
    return (replace(new, name=f"{new.name}_past", axes=(batch, Axis.of("kv_len", past_len), kv_heads)), seen)


def _scores_to_values(
    wiring: Wiring,
    q: Tensor,
    keys: tuple[Tensor, ...],
    values: tuple[Tensor, ...] = (),
    window: int = 0,
    latent: int = 0,
) -> Tensor:
    """Attention proper, fused or as three operators; without ``values``, the first ``latent`` elements of the keys.

    As three operators (scores, softmax, weighted sum) masked scores are computed and stored like any other.
    """
    batch, q_len, heads = q.axes
    width = latent or values[0].axes[-1].width
    result = replace(q, name="attn.attention.out", axes=(batch, q_len, Axis.of("heads", heads.count, width)))
    if wiring.step.recipe.attention == "flash":
        return wiring.add(Attention("attn.attention", (q, *keys, *values), (result,), window=window, latent=latent))
    values = values or tuple(replace(k, axes=(*k.axes[:2], Axis.of("kv_heads", k.axes[2].count, latent))) for k in keys)
    head = Axis.of("heads", heads.count)
    kv_len = Axis.of("kv_len", sum(tensor.axis("kv_len").size for tensor in keys))
    scores = Tensor("attn.scores.out", (batch, head, q_len, kv_len), q.dtype)
    weights = replace(scores, name="attn.softmax.out")
    split = replace(result, name="attn.context.out", axes=(batch, q_len, head, Axis.of("head_dim", width)))
    grouped = ("heads", "kv_heads")
    q_view = replace(q, axes=(batch, q_len, head, Axis.of("head_dim", heads.width)))
    k_views, v_views = (tuple(_head_view(tensor) for tensor in tensors) for tensors in (keys, values))
    wiring.add(Gemm("attn.scores", (q_view, *k_views), (scores,), grouped=grouped, concatenated_axis="kv_len"))
    wiring.add(Softmax("attn.softmax", (scores,), (weights,)))
    wiring.add(Gemm("attn.context", (weights, *v_views), (split,), grouped=grouped, concatenated_axis="kv_len"))
    return replace(result, name=split.name)


def _head_view(tensor: Tensor) -> Tensor:
    """The same bytes with the head axis split into heads and elements."""
    batch, kv_len, kv_heads = tensor.axes
    parts = Axis.of("kv_heads", kv_heads.count), Axis.of("head_dim", kv_heads.width)
    return replace(tensor, axes=(batch, kv_len, *parts))


def _latent(wiring: Wiring, x: Tensor) -> Tensor:
    """Multi-head latent attention: the cache holds one compressed vector and one rotated key per token.

    ::

        x -> attn.q_a -> attn.q_norm -> attn.q_b -> (q_nope | q_rope)      (or one product, without q_lora_rank)
        x -> attn.kv_a -> (latent -> attn.kv_norm -> cache | k_rope -> attn.rope -> cache)

    With nothing cached (a prompt read at once) the latent is *expanded*: ``attn.kv_b`` makes keys and values of every
    head from it, and attention has heads of ``qk_nope + qk_rope`` elements and values of ``v_head_dim``.  With a
    cache (decode, later pieces of a prompt) the expansion is *absorbed*: ``attn.absorb`` takes queries into the space
    of the latent, attention reads latent and key once for all heads, and ``attn.expand`` takes its result back.  Both
    use the weights of ``kv_b``, once.  Tensor parallelism divides heads; every rank holds the whole latent.

    Source:
        DeepSeek-AI, *DeepSeek-V2*, 2024, section 2.1 and appendix C.
    """
    model, step = wiring.model, wiring.step
    _, _, rope, _ = _latent_extents(wiring)
    latent = replace(
        wiring.activation("attn.latent", Axis.of("latent", model.kv_lora_rank)), dtype=step.types.kv, role=Role.KV_CACHE
    )
    key = replace(latent, name="attn.k_rope", axes=(*latent.axes[:2], Axis.of("rope", rope)))
    raw = (wiring.activation("attn.latent_raw", latent.axes[-1]), wiring.activation("attn.k_rope_raw", key.axes[-1]))
    wiring.gemm("attn.kv_a", x, Axis("compressed", ((latent.axes[-1].size, 1), (rope, 1))), model.attention_bias, raw)
    weight = wiring.weight("attn.kv_norm.weight", latent.axes[-1])
    wiring.add(Norm("attn.kv_norm", (raw[0], weight), (latent,), model.norm))
    form = _absorbed if step.past_len else _expanded
    return wiring.gemm("attn.out", form(wiring, x, latent, raw[1], key), wiring.hidden, model.attention_output_bias)


def _latent_queries(wiring: Wiring, x: Tensor, columns: Axis, parts: tuple[Tensor, ...]) -> None:
    """The projection of the queries, through a compressed form where the model has one."""
    model = wiring.model
    if not model.q_lora_rank:
        wiring.gemm("attn.q_proj", x, columns, outputs=parts)
        return
    x = wiring.gemm("attn.q_a", x, Axis.of("q_rank", model.q_lora_rank), model.attention_bias)
    weight = wiring.weight("attn.q_norm.weight", x.axes[-1])
    x = wiring.add(Norm("attn.q_norm", (x, weight), (replace(x, name="attn.q_norm.out"),), model.norm))
    wiring.gemm("attn.q_b", x, columns, outputs=parts)


def _expanded(wiring: Wiring, x: Tensor, latent: Tensor, raw_key: Tensor, key: Tensor) -> Tensor:
    """Keys and values of every head made from the latent."""
    step = wiring.step
    heads, nope, rope, value = _latent_extents(wiring)
    width = Axis.of("heads", heads, nope + rope)
    raw_q, q = wiring.activation("attn.q_raw", width), wiring.activation("attn.q", width)
    _latent_queries(wiring, x, Axis("qkv", width.parts), (raw_q,))
    wiring.add(Rope("attn.rope", (raw_q, raw_key), (q, key)))

    cached = latent.axes[0], Axis.of("kv_len", step.q_len)

    def per_head(name: str, size: int) -> Tensor:
        return Tensor(name, (*cached, Axis.of("kv_heads", heads, size)), step.types.activations)

    k_nope, k, v = per_head("attn.k_nope", nope), per_head("attn.k", nope + rope), per_head("attn.v", value)
    seen = replace(latent, axes=(*cached, latent.axes[-1])), replace(key, axes=(*cached, key.axes[-1]))
    wiring.gemm("attn.kv_b", seen[0], Axis("qkv", ((heads, nope), (heads, value))), outputs=(k_nope, v))
    wiring.add(Concat("attn.k_concat", (k_nope, seen[1]), (k,)))
    return _scores_to_values(wiring, q, (k,), (v,))


def _absorbed(wiring: Wiring, x: Tensor, latent: Tensor, raw_key: Tensor, key: Tensor) -> Tensor:
    """Queries taken into the space of the latent, against the cache itself: one KV head for all."""
    heads, nope, rope, value = _latent_extents(wiring)
    rank, head = wiring.model.kv_lora_rank, Axis.of("heads", heads)

    def per_head(name: str, size: int) -> Tensor:
        return wiring.activation(name, Axis.of("heads", heads, size))

    def product(name: str, a: Tensor, inner: Axis, columns: Axis) -> Tensor:
        view = replace(a, axes=(*a.axes[:2], head, inner))
        result = per_head(f"{name}.out", columns.size)
        weight = wiring.weight(f"{name}.weight", head, inner, columns)
        wiring.add(Gemm(name, (view, weight), (replace(result, axes=(*a.axes[:2], head, columns)),)))
        return result

    q_nope, raw_q_rope, q_rope = (
        per_head("attn.q_nope", nope),
        per_head("attn.q_raw", rope),
        per_head("attn.q_rope", rope),
    )
    _latent_queries(wiring, x, Axis("qkv", q_nope.axes[-1].parts + q_rope.axes[-1].parts), (q_nope, raw_q_rope))
    wiring.add(Rope("attn.rope", (raw_q_rope, raw_key), (q_rope, key)))
    q_latent = product("attn.absorb", q_nope, Axis.of("nope", nope), latent.axes[-1])
    q = wiring.add(Concat("attn.q_concat", (q_latent, q_rope), (per_head("attn.q", rank + rope),)))
    new = replace(
        latent, axes=(latent.axes[0], Axis.of("kv_len", latent.axes[1].size), Axis.of("kv_heads", 1, rank + rope))
    )
    past = replace(
        new, name="attn.latent_past", axes=(new.axes[0], Axis.of("kv_len", wiring.step.past_len), new.axes[2])
    )
    attended = _scores_to_values(wiring, q, (past, new), latent=rank)
    return product("attn.expand", attended, latent.axes[-1], Axis.of("value", value))


def _latent_extents(wiring: Wiring) -> tuple[int, int, int, int]:
    """Heads, and elements of a head: not rotated, rotated, of values."""
    model = wiring.model
    return model.num_attention_heads, model.qk_nope_head_dim, model.qk_rope_head_dim, model.v_head_dim
