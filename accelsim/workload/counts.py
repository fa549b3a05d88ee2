"""What a model amounts to, as its card shows it: parameters, bytes of the cache, bytes of the weights as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.dtypes import DType
from accelsim.workload.graph import Segment
from accelsim.workload.model import Model


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures of a model, read off the operators of one token.

    Attributes:
        total_params: Of the language model: embedding and head included (tied ones once), without what encodes images
            or sound and without layers for multi-token prediction.
        active_params: Those that one token meets: all but the experts it is not routed to.
        mtp_params: Of layers for multi-token prediction, which come on top; embedding and head are not counted again.
        tower_params: Of encoders, which come on top; None: there are some, not counted.
        kv_bytes_per_token: Bytes of one cached token over all layers, in the type of the cache.
        kv_bytes_per_token_beyond_window: The same for a token by which a context longer than the window grows: layers
            without a window only; None: no layer has one.
        weight_bytes: Of the weights as stored, scales included.
        weight_bytes_by_type: The same by type of the elements (``"fp8"``, scales included).
    """

    total_params: int
    active_params: int
    mtp_params: int
    tower_params: int | None
    kv_bytes_per_token: int
    kv_bytes_per_token_beyond_window: int | None
    weight_bytes: int
    weight_bytes_by_type: Mapping[str, int]


def counts_of(model: Model, kv_dtype: DType | None = None) -> Counts:
    """All counts of a model.

    Args:
        model: Its description.
        kv_dtype: Type of the cache; None: the model's own.
    """
    sample = model.sample
    return Counts(
        total_params=sample.num_parameters,
        active_params=sample.num_active_parameters,
        mtp_params=mtp_params(model),
        tower_params=model.tower_params,
        kv_bytes_per_token=model.kv_bytes_per_token(kv_dtype),
        kv_bytes_per_token_beyond_window=kv_bytes_per_token_beyond_window(model, kv_dtype),
        weight_bytes=sample.weight_bytes,
        weight_bytes_by_type=weight_bytes_by_type(model),
    )


def mtp_params(model: Model) -> int:
    """Parameters of the layers for multi-token prediction.

    Each is a layer like the model's last, a product that joins a token's embedding with the stream, and three norms
    (DeepSeek-AI, *DeepSeek-V3 Technical Report*, 2024, section 2.2); embedding and head are the model's own.

    Args:
        model: Its description.
    """
    last = model.sample.segments[len(model.layers)].graph
    layer = sum(tensor.num_elements for tensor in last.weights)
    return model.num_nextn_predict_layers * (layer + (2 * model.hidden_size + 3) * model.hidden_size)


def kv_bytes_per_token_beyond_window(model: Model, kv_dtype: DType | None = None) -> int | None:
    """Bytes of one more cached token once every window is full; None where no layer has one.

    Args:
        model: Its description.
        kv_dtype: Type of the cache; None: the model's own.
    """
    if all(layer.window is None for layer, _ in model.layers):
        return None
    dtype = kv_dtype or model.own_types.kv
    runs = zip(model.layers, model.sample.segments[1:], strict=False)  # behind the embedding
    return sum(_cached_bytes(segment, dtype) for (layer, _), segment in runs if layer.window is None)


def _cached_bytes(segment: Segment, dtype: DType) -> int:
    """Bytes that all copies of a segment keep of one token."""
    return segment.repeat * dtype.size_bytes(sum(tensor.num_elements for tensor in segment.graph.stored_positions))


def weight_bytes_by_type(model: Model) -> dict[str, int]:
    """Bytes of the weights as stored, by type of their elements; most first.

    Args:
        model: Its description.
    """
    found: dict[str, int] = {}
    for segment, tensor in model.sample.stored_weights:
        name = tensor.dtype.value
        found[name] = found.get(name, 0) + segment.repeat * tensor.size_bytes
    return dict(sorted(found.items(), key=lambda item: -item[1]))
