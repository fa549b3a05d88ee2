"""The feed-forward sublayer: the MLP of a dense layer, and of the shared experts of a sparse one."""

from __future__ import annotations

from accelsim.workload.blocks.base import Wiring
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.tensor import Axis, Tensor


def mlp(wiring: Wiring, x: Tensor, width: int, name: str = "mlp") -> Tensor:
    """Up projection (with gate), activation, down projection; ``width`` elements inside."""
    model = wiring.model
    ffn = Axis.of("ffn", width)
    if model.gated_mlp:
        up = wiring.gemm(f"{name}.gate_up", x, Axis("gate_up", ffn.parts * 2), model.mlp_bias)
    else:
        up = wiring.gemm(f"{name}.up", x, ffn, model.mlp_bias)
    act = Elementwise(f"{name}.act", (up,), (wiring.activation(f"{name}.act.out", ffn),), activation(wiring))
    return wiring.gemm(f"{name}.down", wiring.add(act), wiring.hidden, model.mlp_bias)


def activation(wiring: Wiring) -> str:
    """The elementwise function of the model's MLPs."""
    return f"{wiring.model.hidden_act}_mul" if wiring.model.gated_mlp else wiring.model.hidden_act
