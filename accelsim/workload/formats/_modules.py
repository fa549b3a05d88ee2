"""What the linear layers of a checkpoint are called, and which of our products they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from accelsim.workload.description import Description
from accelsim.workload.graph import Workload

HEAD_NAMES = ("lm_head", "language_model.lm_head", "embed_out", "output_layer", "output")

_ATTENTION = ("self_attn", "attention", "attn", "self_attention")
_MLP = ("mlp", "feed_forward", "ffn")
_EXPERTS = ("mlp.experts.0", "block_sparse_moe.experts.0", "feed_forward.experts.0", "ffn.experts.0", "moe.experts.0")
_SHARED = tuple(f"{mlp}.{name}" for mlp in _MLP for name in ("shared_experts", "shared_expert"))
_UP = ("gate_proj", "up_proj", "gate_up_proj", "w1", "w3", "fc1", "c_fc", "dense_h_to_4h", "fc_in")
_DOWN = ("down_proj", "w2", "fc2", "c_proj", "dense_4h_to_h", "fc_out")


class _Kind(NamedTuple):
    """Modules of one kind: part of the model, where they hang, what they are called, and the products they are."""

    part: str
    inside: tuple[str, ...]
    names: tuple[str, ...]
    products: tuple[str, ...]


_KINDS = (
    _Kind("attention", _ATTENTION, ("q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value", "W_pack", "c_attn"),
          ("attn.qkv", "attn.q_proj")),
    _Kind("attention", _ATTENTION, ("o_proj", "out_proj", "dense", "c_proj", "wo"), ("attn.out",)),
    _Kind("attention", _ATTENTION, ("q_a_proj", "fused_qkv_a_proj"), ("attn.q_a",)),
    _Kind("attention", _ATTENTION, ("q_b_proj",), ("attn.q_b",)),
    _Kind("attention", _ATTENTION, ("kv_a_proj_with_mqa", "fused_qkv_a_proj"), ("attn.kv_a",)),
    _Kind("attention", _ATTENTION, ("kv_b_proj",), ("attn.kv_b", "attn.kv_b_past", "attn.absorb", "attn.expand")),
    _Kind("mlp", _MLP, _UP, ("mlp.gate_up", "mlp.up")),
    _Kind("mlp", _MLP, _DOWN, ("mlp.down",)),
    _Kind("experts", _EXPERTS, (*_UP, *_DOWN), ("moe.experts",)),
    _Kind("shared", _SHARED, _UP, ("moe.shared.gate_up", "moe.shared.up")),
    _Kind("shared", _SHARED, _DOWN, ("moe.shared.down",)),
)  # fmt: skip


class Module(NamedTuple):
    """Linear layers of one kind in one layer of a model.

    Attributes:
        part: Part of the model.
        layer: Number of the layer, from 0.
        names: What a checkpoint may call them, from ``layers`` on.
        products: Beginnings of the names of our products.
        elements: Of their weights.
    """

    part: str
    layer: int
    names: tuple[str, ...]
    products: tuple[str, ...]
    elements: int


def modules_of(model: Description, sample: Workload) -> Iterator[Module]:
    """Linear layers of all layers of a model.

    Args:
        model: For its layers.
        sample: A pass of it, for the weights there are.
    """
    number = 0
    for (_, repeat), segment in zip(model.layers, sample.segments[1:], strict=False):
        sizes = {tensor.name: tensor.num_elements for tensor in segment.graph.weights}
        kinds = [(kind, _elements(sizes, kind.products)) for kind in _KINDS]
        for layer in range(number, number + repeat):
            for kind, elements in kinds:
                if elements:
                    names = (f"layers.{layer}.{inside}.{name}" for inside in kind.inside for name in kind.names)
                    yield Module(kind.part, layer, tuple(names), kind.products, elements)
        number += repeat


def _elements(sizes: Mapping[str, int], products: tuple[str, ...]) -> int:
    return sum(size for name, size in sizes.items() for product in products if name.startswith(f"{product}."))
