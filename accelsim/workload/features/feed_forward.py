"""The feed-forward sublayer: the MLP of a dense layer, and of the shared experts of a sparse one."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from accelsim.config.bounds import Width
from accelsim.workload.features.residual import ResidualStream
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.tensor import Axis, Tensor
from accelsim.workload.wiring import Wiring

#: Names of activation functions in configs -> ours; variants of gelu differ in accuracy, not in work worth
#: counting, and the square of relu2 is one operation more.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_fast": "gelu",
    "gelu_new": "gelu",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "quick_gelu": "gelu",
    "relu": "relu",
    "relu2": "relu",
    "gelu_tanh": "gelu",
    "silu": "silu",
    "swish": "silu",
}


class FeedForward(ResidualStream):
    """Two products with an activation between, gated or not."""

    config_keys: ClassVar[tuple[str, ...]] = ("intermediate_size", "hidden_act", "mlp_bias")

    intermediate_size: Width = Field(description="Width inside the MLP (of one half, when gated).")
    hidden_act: Literal["gelu", "relu", "silu"] = Field("silu", description="Activation function of the MLP.")
    gated_mlp: bool = Field(True, description="Whether the activation gates a second projection (SwiGLU, GeGLU).")
    mlp_bias: bool = Field(False, description="Biases of the MLP projections.")


def mlp(wiring: Wiring[FeedForward], x: Tensor, width: int, name: str = "mlp") -> Tensor:
    """Up projection (with gate), activation, down projection; ``width`` elements inside.

    Args:
        wiring: Of the graph.
        x: What enters the sublayer.
        width: Elements inside.
        name: Beginning of the names of its operators.
    """
    model = wiring.model
    ffn = Axis.of("ffn", width)
    if model.gated_mlp:
        up = wiring.gemm(f"{name}.gate_up", x, Axis("gate_up", ffn.parts * 2), model.mlp_bias)
    else:
        up = wiring.gemm(f"{name}.up", x, ffn, model.mlp_bias)
    act = Elementwise(f"{name}.act", (up,), (wiring.activation(f"{name}.act.out", ffn),), activation(wiring))
    return wiring.gemm(f"{name}.down", wiring.add(act), wiring.hidden, model.mlp_bias)


def activation(wiring: Wiring[FeedForward]) -> str:
    """The elementwise function of the model's MLPs."""
    return f"{wiring.model.hidden_act}_mul" if wiring.model.gated_mlp else wiring.model.hidden_act
