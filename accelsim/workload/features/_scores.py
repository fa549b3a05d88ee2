"""Attention proper: queries against the cache and the new tokens."""

from __future__ import annotations

from dataclasses import replace

from accelsim.errors import ConfigError
from accelsim.workload.features.residual import ResidualStream
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.tensor import Axis, Tensor
from accelsim.workload.wiring import Pass, Wiring


def with_past(step: Pass, new: Tensor, window: int | None = None) -> tuple[Tensor, ...]:
    """The cached tensor, if any tokens are cached, and the new one, both along ``kv_len``.

    Args:
        step: The pass.
        new: Keys or values of the new tokens.
        window: Positions that are seen at most.
    """
    *outer, tokens, kv_heads = new.axes
    seen = replace(new, axes=(*outer, Axis.of("kv_len", tokens.size), kv_heads))
    visible = step.traversal.seen(window)
    if visible.past == 0:
        return (seen,)
    positions = visible.past if step.is_ragged else visible.spans[0].cached
    past = replace(new, name=f"{new.name}_past", axes=(*outer, Axis.of("kv_len", positions), kv_heads))
    return replace(past, reserved=_reserved(step, positions)), seen


def _reserved(step: Pass, positions: int) -> int:
    """Positions of a cached tensor that room is kept for, where that is more than it has; else 0."""
    if not step.recipe.kv_reserve:
        return 0
    full = step.traversal.past if step.is_ragged else step.recipe.kv_reserve - step.traversal.spans[0].new
    return full if full > positions else 0


def scores_to_values(
    wiring: Wiring[ResidualStream],
    q: Tensor,
    keys: tuple[Tensor, ...],
    values: tuple[Tensor, ...] = (),
    window: int = 0,
    latent: int = 0,
) -> Tensor:
    """Attention proper, fused or as three operators; without ``values``, the first ``latent`` elements of the keys.

    As three operators (scores, softmax, weighted sum) masked scores are computed and stored like any other.

    Args:
        wiring: Of the graph.
        q: Queries, in heads.
        keys: Cached and new ones.
        values: As many; none where they are part of the keys.
        window: Positions that are seen at most; 0: all.
        latent: Elements of a key that are its value.

    Raises:
        ConfigError: Three operators over sequences that differ.
    """
    *outer, heads = q.axes
    name, step = wiring.named("attn.attention"), wiring.step
    width = Axis.of("heads", heads.count, latent or values[0].axes[-1].width)
    result = replace(q, name=f"{name}.out", axes=(*outer, width))
    inputs = (q, *keys, *values)
    if step.recipe.attention == "standard":
        return _standard(wiring, q, keys, values, result)
    if step.is_ragged:
        spans = step.traversal.seen(window or None).spans
        return wiring.add(RaggedAttention(name, inputs, (result,), spans, window, latent))
    return wiring.add(Attention(name, inputs, (result,), window=window, latent=latent))


def _standard(
    wiring: Wiring[ResidualStream], q: Tensor, keys: tuple[Tensor, ...], values: tuple[Tensor, ...], result: Tensor
) -> Tensor:
    """Attention as scores, softmax, weighted sum."""
    if wiring.step.is_ragged:
        raise ConfigError(
            "attention=standard over sequences of unequal lengths is not modelled: frameworks pad the scores in ways "
            "of their own. Use attention=flash, or sequences that are alike."
        )
    batch, q_len, heads = q.axes
    width = result.axes[-1].width
    values = values or tuple(replace(k, axes=(*k.axes[:2], Axis.of("kv_heads", k.axes[2].count, width))) for k in keys)
    head = Axis.of("heads", heads.count)
    kv_len = Axis.of("kv_len", sum(tensor.axis("kv_len").size for tensor in keys))
    scores = Tensor(wiring.named("attn.scores.out"), (batch, head, q_len, kv_len), q.dtype)
    weights = replace(scores, name=wiring.named("attn.softmax.out"))
    split = replace(
        result, name=wiring.named("attn.context.out"), axes=(batch, q_len, head, Axis.of("head_dim", width))
    )
    grouped = ("heads", "kv_heads")
    q_view = replace(q, axes=(batch, q_len, head, Axis.of("head_dim", heads.width)))
    k_views, v_views = (tuple(_head_view(tensor) for tensor in tensors) for tensors in (keys, values))
    wiring.add(
        Gemm(wiring.named("attn.scores"), (q_view, *k_views), (scores,), grouped=grouped, concatenated_axis="kv_len")
    )
    wiring.add(Softmax(wiring.named("attn.softmax"), (scores,), (weights,)))
    wiring.add(
        Gemm(wiring.named("attn.context"), (weights, *v_views), (split,), grouped=grouped, concatenated_axis="kv_len")
    )
    return replace(result, name=split.name)


def _head_view(tensor: Tensor) -> Tensor:
    """The same bytes with the head axis split into heads and elements."""
    batch, kv_len, kv_heads = tensor.axes
    parts = Axis.of("kv_heads", kv_heads.count), Axis.of("head_dim", kv_heads.width)
    return replace(tensor, axes=(batch, kv_len, *parts))
