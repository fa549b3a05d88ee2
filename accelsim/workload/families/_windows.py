"""Which layers have a window, as several families state it."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.workload.families.base import Config, Fields


def qwen2_window(config: Config, fields: Fields) -> None:
    """Layers from ``max_window_layers`` on use the window, or those that ``layer_types`` says.

    Args:
        config: Keys of the file.
        fields: Of the model; changed.
    """
    fields["sliding_window"] = None
    first, layers = config.get("max_window_layers", 28), fields.get("num_hidden_layers")
    if not config.get("use_sliding_window", False) or not isinstance(layers, int):
        return
    if isinstance(config.get("layer_types"), list):
        fields["sliding_window"] = config.get("sliding_window", 4096)
        layer_pattern(config, fields, 1)
    elif first < layers:
        fields["sliding_window"] = config.get("sliding_window", 4096)
        fields["full_attention_layers"] = tuple(range(first))


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
        fields["sliding_window_pattern"] = 1
        fields["full_attention_layers"] = tuple(number - 1 for number in full)
