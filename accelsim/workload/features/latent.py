"""Multi-head latent attention (MLA): the cache holds one compressed vector and one rotated key per token.

::

    x -> attn.q_a -> attn.q_norm -> attn.q_b -> (q_nope | q_rope)      (or one product, without q_lora_rank)
    x -> attn.kv_a -> (latent -> attn.kv_norm -> cache | k_rope -> attn.rope -> cache)

Two forms give the same result.  *Expanded*: ``attn.kv_b`` makes keys and values of every head from the latent, and
attention has heads of ``qk_nope + qk_rope`` elements and values of ``v_head_dim``; what is cached is expanded again
(``attn.kv_b_past``).  *Absorbed*: ``attn.absorb`` takes queries into the space of the latent, attention reads latent
and key once for all heads, and ``attn.expand`` takes its result back.  Tensor parallelism divides heads; every rank
holds the whole latent.

Sequences with nothing cached are expanded; the others take the form with fewer operations, which for decodes and short
pieces of prompts is the absorbed one (up to 170 new tokens in DeepSeek-V3).  Engines too draw the line by the number of
new tokens (vLLM: ``split_decodes_and_prefills``, by default at one).  A traversal with sequences of both kinds shares
the projections and computes the rest once per form, the pieces' operators called ``..._pieces``; ``attn.join`` copies
both results side by side, as vLLM does.  The weights of both forms then lie in memory, as engines keep them; with one
form, the weights of ``kv_b`` are there once.

Not modelled: the norm of the latents and the rotation as one kernel for both forms, the cache expanded in chunks to
save memory.

Source:
    DeepSeek-AI, *DeepSeek-V2*, 2024, section 2.1 and appendix C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from accelsim.config.bounds import WidthOrNone
from accelsim.workload.features._scores import scores_to_values, with_past
from accelsim.workload.features.attention import register_attention
from accelsim.workload.features.grouped import GroupedHeads
from accelsim.workload.features.positions import Windows
from accelsim.workload.layer import Layer
from accelsim.workload.operators.concat import Concat
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.tensor import Axis, Role, Tensor
from accelsim.workload.traversal import Span, Traversal
from accelsim.workload.wiring import Wiring

_WIDTHS = ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")


class LatentHeads(GroupedHeads, Windows):
    """Heads whose keys and values are made from one latent."""

    config_keys: ClassVar[tuple[str, ...]] = ("kv_lora_rank", "q_lora_rank", *_WIDTHS)
    announced_by: ClassVar[Mapping[str, str]] = dict.fromkeys(("kv_lora_rank", "q_lora_rank"), "latent attention (MLA)")

    q_lora_rank: WidthOrNone = Field(0, description="MLA: width of the compressed queries; 0: not compressed.")
    kv_lora_rank: WidthOrNone = Field(0, description="MLA: width of the compressed keys and values; 0: no MLA.")
    qk_nope_head_dim: WidthOrNone = Field(0, description="MLA: elements of a head of q and k that are not rotated.")
    qk_rope_head_dim: WidthOrNone = Field(0, description="MLA: rotated elements, one set of keys for all heads.")
    v_head_dim: WidthOrNone = Field(0, description="MLA: elements of a head of values.")

    @classmethod
    def fill(cls, data: dict[str, Any]) -> None:
        """A head of queries is what is rotated and what is not."""
        parts = data.get("qk_nope_head_dim"), data.get("qk_rope_head_dim")
        if data.get("kv_lora_rank") and all(isinstance(part, int) for part in parts):
            data.setdefault("head_dim", sum(part for part in parts if isinstance(part, int)))
        super().fill(data)

    def check(self) -> None:
        """All widths are there, and nothing that the two forms have no place for."""
        super().check()
        if not self.kv_lora_rank:
            stated = [name for name in ("q_lora_rank", *_WIDTHS) if getattr(self, name)]
            if stated:
                raise ValueError(f"{', '.join(stated)} describe latent attention. State kv_lora_rank too.")
            return
        missing = [name for name in _WIDTHS if not getattr(self, name)]
        if missing:
            raise ValueError(f"latent attention (kv_lora_rank={self.kv_lora_rank}) needs {', '.join(missing)} > 0.")
        if self.head_dim != self.qk_nope_head_dim + self.qk_rope_head_dim:
            raise ValueError(f"head_dim={self.head_dim} is not qk_nope_head_dim + qk_rope_head_dim. Leave it out.")
        if self.num_key_value_heads != self.num_attention_heads:
            raise ValueError(
                "latent attention has as many key-value heads as query heads. Leave num_key_value_heads out."
            )
        if self.position != "rope" or self.sliding_window or self.qk_norm:
            raise ValueError("latent attention is modelled with position rope, no sliding_window and no qk_norm.")


class _Form(NamedTuple):
    """One way to compute latent attention: the queries it wants, and the rest from queries and latents."""

    queries: Callable[[Wiring[LatentHeads]], tuple[Tensor, ...]]
    attend: Callable[[Wiring[LatentHeads]], Tensor]


@register_attention("latent")
def attend_latent(wiring: Wiring[LatentHeads], layer: Layer, x: Tensor) -> Tensor:
    """Attention of one layer; ``layer`` tells nothing that its latents depend on.

    Args:
        wiring: Of the graph.
        layer: Not read.
        x: What enters the sublayer.
    """
    model, parts = wiring.model, _parts(wiring)
    compressed = Axis("compressed", ((model.kv_lora_rank, 1), (model.qk_rope_head_dim, 1)))
    raw = tuple(tensor for part, _ in parts for tensor in _raw(part))
    wiring.gemm("attn.kv_a", x, compressed, model.attention_bias, raw)
    for part, _ in parts:
        latent, _ = _stored(part)
        weight = part.vector("attn.kv_norm.weight", latent.axes[-1])
        part.add(Norm(part.named("attn.kv_norm"), (_raw(part)[0], weight), (latent,), model.norm))
    _project_queries(wiring, x, [form.queries(part) for part, form in parts])
    results = tuple(form.attend(part) for part, form in parts)
    if len(results) > 1:
        whole = wiring.activation("attn.join.out", results[0].axes[-1])
        results = (wiring.add(Concat("attn.join", results, (whole,))),)
    return wiring.gemm("attn.out", results[0], wiring.hidden, model.attention_output_bias)


def _parts(wiring: Wiring[LatentHeads]) -> list[tuple[Wiring[LatentHeads], _Form]]:
    """The tokens by the form that is computed for them."""
    spans = wiring.step.traversal.spans
    absorbed = tuple(span for span in spans if _is_absorbed(wiring.model, span))
    if len(absorbed) in (0, len(spans)):
        return [(wiring, _ABSORBED if absorbed else _EXPANDED)]
    pieces = tuple(span for span in spans if span not in absorbed)
    return [
        (wiring.part(Traversal(absorbed), ""), _ABSORBED),
        (wiring.part(Traversal(pieces), "_pieces"), _EXPANDED),
    ]


def _is_absorbed(model: LatentHeads, span: Span) -> bool:
    """Whether queries against cached latents take fewer operations than expanding these, per cached token."""
    rank, head = model.kv_lora_rank, model.qk_nope_head_dim + model.v_head_dim
    per_query = 2 * rank - head  # more of the absorbed form, per query and key; both read the rotated part
    return span.cached > 0 and (span.new == 1 or span.new * per_query <= rank * head)


def _raw(part: Wiring[LatentHeads]) -> tuple[Tensor, Tensor]:
    """Latent and key as they leave the projection."""
    model = part.model
    return (
        part.activation("attn.latent_raw", Axis.of("latent", model.kv_lora_rank)),
        part.activation("attn.k_rope_raw", Axis.of("rope", model.qk_rope_head_dim)),
    )


def _stored(part: Wiring[LatentHeads]) -> tuple[Tensor, Tensor]:
    """Latent and key as the cache holds them."""
    latent, key = (replace(raw, dtype=part.step.types.kv, role=Role.KV_CACHE) for raw in _raw(part))
    return replace(latent, name=part.named("attn.latent")), replace(key, name=part.named("attn.k_rope"))


def _project_queries(wiring: Wiring[LatentHeads], x: Tensor, parts: list[tuple[Tensor, ...]]) -> None:
    """The projection of the queries, through a compressed form where the model has one."""
    model = wiring.model
    columns = Axis("qkv", tuple(heads for tensor in parts[0] for heads in tensor.axes[-1].parts))
    outputs = tuple(tensor for tensors in parts for tensor in tensors)
    if not model.q_lora_rank:
        wiring.gemm("attn.q_proj", x, columns, outputs=outputs)
        return
    x = wiring.gemm("attn.q_a", x, Axis.of("q_rank", model.q_lora_rank), model.attention_bias)
    weight = wiring.vector("attn.q_norm.weight", x.axes[-1])
    x = wiring.add(Norm("attn.q_norm", (x, weight), (replace(x, name="attn.q_norm.out"),), model.norm))
    wiring.gemm("attn.q_b", x, columns, outputs=outputs)


def _per_head(part: Wiring[LatentHeads], name: str, size: int) -> Tensor:
    return part.activation(name, Axis.of("heads", part.model.num_attention_heads, size))


def _whole_queries(part: Wiring[LatentHeads]) -> tuple[Tensor, ...]:
    return (_per_head(part, "attn.q_raw", part.model.qk_nope_head_dim + part.model.qk_rope_head_dim),)


def _expanded(part: Wiring[LatentHeads]) -> Tensor:
    """Keys and values of every head made from the latent."""
    latent, key = _stored(part)
    (raw_q,) = _whole_queries(part)
    q = replace(raw_q, name=part.named("attn.q"))
    part.add(Rope(part.named("attn.rope"), (raw_q, _raw(part)[1]), (q, key)))
    seen = zip(with_past(part.step, latent), with_past(part.step, key), strict=True)
    pairs = [_keys_and_values(part, *tensors, "" if tensors[0].name == latent.name else "_past") for tensors in seen]
    keys, values = zip(*pairs, strict=True)
    return scores_to_values(part, q, keys, values)


def _keys_and_values(part: Wiring[LatentHeads], latent: Tensor, key: Tensor, suffix: str) -> tuple[Tensor, Tensor]:
    """Of every head, from latents and rotated keys along ``kv_len``."""
    model = part.model
    heads, nope, value = model.num_attention_heads, model.qk_nope_head_dim, model.v_head_dim

    def per_head(name: str, size: int) -> Tensor:
        axes = (*latent.axes[:-1], Axis.of("kv_heads", heads, size))
        return Tensor(part.named(name + suffix), axes, part.step.types.activations)

    k_nope, v = per_head("attn.k_nope", nope), per_head("attn.v", value)
    k = per_head("attn.k", nope + model.qk_rope_head_dim)
    weight = part.weight("attn.kv_b.weight", latent.axes[-1], Axis("qkv", ((heads, nope), (heads, value))))
    multiplied = part.operands("attn.kv_b").arithmetic
    part.add(Gemm(part.named(f"attn.kv_b{suffix}"), (latent, weight), (k_nope, v), arithmetic=multiplied))
    part.add(Concat(part.named(f"attn.k_concat{suffix}"), (k_nope, key), (k,)))
    return k, v


def _split_queries(part: Wiring[LatentHeads]) -> tuple[Tensor, ...]:
    model = part.model
    return _per_head(part, "attn.q_nope", model.qk_nope_head_dim), _per_head(part, "attn.q_raw", model.qk_rope_head_dim)


def _absorbed(part: Wiring[LatentHeads]) -> Tensor:
    """Queries taken into the space of the latent, against the cache itself: one KV head for all."""
    model = part.model
    rank, rope = model.kv_lora_rank, model.qk_rope_head_dim
    latent, key = _stored(part)
    q_nope, raw_q_rope = _split_queries(part)
    q_rope = replace(raw_q_rope, name=part.named("attn.q_rope"))
    part.add(Rope(part.named("attn.rope"), (raw_q_rope, _raw(part)[1]), (q_rope, key)))
    q_latent = _product(part, "attn.absorb", q_nope, Axis.of("nope", model.qk_nope_head_dim), latent.axes[-1])
    q = part.add(Concat(part.named("attn.q_concat"), (q_latent, q_rope), (_per_head(part, "attn.q", rank + rope),)))
    new = replace(latent, axes=(*latent.axes[:-1], Axis.of("kv_heads", 1, rank + rope)))
    attended = scores_to_values(part, q, with_past(part.step, new), latent=rank)
    return _product(part, "attn.expand", attended, latent.axes[-1], Axis.of("value", model.v_head_dim))


def _product(part: Wiring[LatentHeads], name: str, a: Tensor, inner: Axis, columns: Axis) -> Tensor:
    """A product of its own for every head."""
    head = Axis.of("heads", part.model.num_attention_heads)
    view = part.operand(name, replace(a, axes=(*a.axes[:-1], head, inner)))
    result = _per_head(part, f"{name}.out", columns.size)
    weight = part.weight(f"{name}.weight", head, inner, columns)
    part.add(Gemm(part.named(name), (view, weight), (replace(result, axes=(*a.axes[:-1], head, columns)),)))
    return result


_EXPANDED, _ABSORBED = _Form(_whole_queries, _expanded), _Form(_split_queries, _absorbed)
