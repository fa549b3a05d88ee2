"""A toy of two towers: patches of an image are encoded, and text attends to them in every block."""

from __future__ import annotations

from accelsim.dtypes import DType
from accelsim.workload.graph import OperatorGraph, Port, Segment, Workload
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.tensor import Axis, Role, Tensor

BATCH, PATCHES, TOKENS = 2, 16, 4
PIXELS, HIDDEN, FFN, HEADS, HEAD_DIM, VOCAB = 48, 64, 256, 4, 16, 1000
ENCODERS, DECODERS = 3, 2

_BATCH, _TEXT = Axis.of("batch", BATCH), Axis.of("q_len", TOKENS)
_IMAGE = Axis.of("patches", PATCHES)
_HIDDEN, _FFN, _HEADS = Axis.of("hidden", HIDDEN), Axis.of("ffn", FFN), Axis.of("heads", HEADS, HEAD_DIM)


def activation(name: str, *axes: Axis) -> Tensor:
    return Tensor(name, axes, DType.BF16)


def product(name: str, x: Tensor, columns: Axis) -> Gemm:
    weight = Tensor(f"{name}.weight", (x.axes[-1], columns), DType.BF16, Role.WEIGHT)
    return Gemm(name, (x, weight), (activation(f"{name}.out", *x.axes[:-1], columns),))


def added(name: str, x: Tensor, y: Tensor) -> Elementwise:
    return Elementwise(name, (x, y), (activation(f"{name}.out", *x.axes),), "add")


def mlp(name: str, x: Tensor) -> list[Gemm | Elementwise]:
    up = product(f"{name}.up", x, _FFN)
    down = product(f"{name}.down", up.outputs[0], _HIDDEN)
    return [up, down, added(f"{name}.add", x, down.outputs[0])]


def encoder() -> OperatorGraph:
    return OperatorGraph("image.block", tuple(mlp("mlp", activation("image.in", _BATCH, _IMAGE, _HIDDEN))))


def decoder() -> OperatorGraph:
    """Cross-attention to all patches, then an MLP."""
    x = activation("text.in", _BATCH, _TEXT, _HIDDEN)
    memory = activation("memory", _BATCH, Axis.of("kv_len", PATCHES), _HIDDEN)
    kv_heads = Axis.of("kv_heads", HEADS, HEAD_DIM)
    q, k, v = (
        product(f"cross.{n}", t, a) for n, t, a in (("q", x, _HEADS), ("k", memory, kv_heads), ("v", memory, kv_heads))
    )
    inputs = (q.outputs[0], k.outputs[0], v.outputs[0])
    attended = Attention(
        "cross.attention", inputs, (activation("cross.attention.out", _BATCH, _TEXT, _HEADS),), causal=False
    )
    back = product("cross.back", attended.outputs[0], _HIDDEN)
    sum_ = added("cross.add", x, back.outputs[0])
    return OperatorGraph("text.block", (q, k, v, attended, back, sum_, *mlp("mlp", sum_.outputs[0])))


def two_towers() -> Workload:
    patches = activation("patches", _BATCH, _IMAGE, Axis.of("pixels", PIXELS))
    words = activation("words", _BATCH, _TEXT, _HIDDEN)
    return Workload(
        "two towers",
        (
            Segment(OperatorGraph("image.embed", (product("embed", patches, _HIDDEN),))),
            Segment(encoder(), ENCODERS),
            Segment(OperatorGraph("text.embed", (product("embed", words, _HIDDEN),)), ports=(Port("words"),)),
            Segment(decoder(), DECODERS, ports=(Port("memory", "image.block"),)),
            Segment(OperatorGraph("head", (product("logits", words, Axis.of("vocab", VOCAB, is_padded=True)),))),
        ),
        tokens=BATCH * TOKENS,
    )
