"""What families of the time of GPT-2 share."""

from __future__ import annotations

from accelsim.workload.families.base import Fields, Values

#: Norms with a mean and a bias, and an MLP without gate.
LAYERNORM: Values = {"norm": "layernorm", "gated_mlp": False}


def four_times(fields: Fields) -> None:
    """An MLP width that is absent or null is four times the hidden size."""
    hidden = fields.get("hidden_size")
    if fields.get("intermediate_size") is None and isinstance(hidden, int):
        fields["intermediate_size"] = 4 * hidden
