"""Which layers have a window, as several families state it."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.workload.families.base import Config, Fields


def qwen2_window(config: Config, fields: Fields) -> None:
    """Layers from ``max_window_layers`` on use the window; only all or none can be modelled.

    Args:
        config: Keys of the file.
        fields: Of the model; changed.
    """
    fields["sliding_window"] = None
    first, layers = config.get("max_window_layers", 28), fields.get("num_hidden_layers")
    if not config.get("use_sliding_window", False) or not isinstance(layers, int) or first >= layers:
        return
    if first > 0:
        raise ConfigError(
            f"max_window_layers: a sliding window from layer {first} of {layers} on is not modelled. "
            f"Use 0 (all layers) or {layers} (none)."
        )
    fields["sliding_window"] = config.get("sliding_window", 4096)


def layer_pattern(config: Config, fields: Fields, pattern: int) -> None:
    """Layers of two kinds, window and all positions: stated one by one, or every ``pattern``-th sees everything.

    Args:
        config: Keys of the file.
        fields: Of the model; changed.
        pattern: Distance of layers that see everything, where they are not stated.
    """
    kinds, layers = config.get("layer_types"), fields.get("num_hidden_layers")
    fields["sliding_window_pattern"] = pattern
    if not isinstance(kinds, list) or not isinstance(layers, int):
        return
    full = [i + 1 for i, kind in enumerate(kinds) if kind == "full_attention"]
    unknown = sorted({str(kind) for kind in kinds} - {"full_attention", "sliding_attention"})
    if unknown or len(kinds) != layers:
        raise ConfigError(f"layer_types: expected full_attention or sliding_attention of {layers} layers, got {kinds}.")
    if not full:
        fields["sliding_window_pattern"] = 1
    elif len(full) == layers:
        fields["sliding_window"] = None
    elif full == list(range(full[0], layers + 1, full[0])):
        fields["sliding_window_pattern"] = full[0]
    else:
        raise ConfigError(f"layer_types: only a full_attention layer every so many is modelled, got them at {full}.")
