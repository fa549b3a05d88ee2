"""What goes back through operators and blocks: twice the products, what forward keeps, what is computed again."""

from __future__ import annotations

import pytest

from accelsim import load_model
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.backward import backward, kept_tensors
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.router import Router
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Role
from accelsim.workload.training import training_step
from accelsim.workload.traversal import Traversal

BATCH, SEQ = 2, 64


def forward(name: str, attention: str = "flash") -> Workload:
    recipe = Recipe.of(DType.FP16, attention, "all")  # type: ignore[arg-type]
    return load_model(name).build(Traversal.uniform(BATCH, SEQ), recipe)


def products(graph: OperatorGraph) -> int:
    return sum(op.flops for op in graph if op.kind == "gemm")


def test_a_product_goes_back_as_two_of_as_many_operations_and_keeps_its_left_operand() -> None:
    forward = Gemm.of(m=16, n=32, k=64)
    found = forward.gradients()
    (inputs,), (weights,) = found.inputs, found.weights
    assert inputs.flops == weights.flops == forward.flops
    assert [t.shape for t in (*inputs.outputs, *weights.outputs)] == [(16, 64), (64, 32)]
    assert found.kept == (forward.a,)


@pytest.mark.parametrize(
    ("operator", "kept_bytes"),
    [
        (Norm.of(4, 64), 4 * 64 * 2),  # its row
        (Softmax.of(4, 64), 4 * 64 * 2),  # its result
        (Elementwise.of(4, 64, function="gelu"), 4 * 64 * 2),  # its operand
        (Elementwise.of(4, 64, function="add"), 0),
        # q, k, v, O of 2 B and a sum per query and head of 4 B
        (Attention.of(1, Heads(2, 2, 8), 16, 16), 4 * (16 * 16 * 2) + 16 * 2 * 4),
    ],
)
def test_what_forward_keeps_of_an_operator_has_its_bytes(operator: Operator, kept_bytes: int) -> None:
    found = operator.gradients()
    assert sum(tensor.size_bytes for tensor in found.kept) == kept_bytes


def test_attention_cores_have_no_gradients_of_weights() -> None:
    assert Attention.of(1, Heads(2, 2, 8), 16, 16).gradients().weights == ()


def test_an_operator_without_gradients_says_so() -> None:
    with pytest.raises(ConfigError, match="does not go back through router yet"):
        Router.of(rows=4, num_experts=8, top_k=2).gradients()


@pytest.mark.parametrize("attention", ["flash", "standard"])
def test_every_block_goes_back_with_twice_the_products_and_a_gradient_of_every_weight(attention: str) -> None:
    for segment in forward("gpt2-xl", attention).segments[:2]:
        back = backward(segment.graph)
        assert products(back) == 2 * products(segment.graph)
        written = {t.name for operator in back for t in operator.outputs if t.role is Role.GRADIENT}
        assert {f"{tensor.name}.grad" for tensor in segment.graph.weights} <= written


@pytest.mark.parametrize("name", ["gpt2-xl", "llama3-8b"])
def test_what_a_block_hands_back_is_the_gradient_of_what_entered_it(name: str) -> None:
    decoder = forward(name).segments[1].graph
    gradients = {t.name: t for operator in backward(decoder) for t in operator.outputs}
    assert gradients["decoder.in.grad"].shape == decoder.entering[0].shape


@pytest.mark.parametrize(("recompute", "per_token", "scores"), [("none", 34, 5), ("selective", 34, 0), ("full", 2, 0)])
def test_a_layer_keeps_the_closed_form_of_korthikanti(recompute: str, per_token: int, scores: int) -> None:
    # equations 1 to 6 with t = 1: s b h (34 + 5 a s / h) bytes, 34 s b h, 2 s b h
    model = load_model("gpt2-xl")
    step = training_step(forward("gpt2-xl", "standard"), recompute, dropout=True)  # type: ignore[arg-type]
    (layers,) = [segment for segment in step.backward.segments if segment.repeat > 1]
    kept = sum(tensor.size_bytes for tensor in kept_tensors(layers.graph))
    tokens = BATCH * SEQ
    assert kept == tokens * (per_token * model.hidden_size + scores * model.num_attention_heads * SEQ)


def test_full_recomputation_does_the_forward_pass_of_every_layer_again() -> None:
    whole = forward("gpt2-xl", "standard")
    none, full = (training_step(whole, mode) for mode in ("none", "full"))
    layers = sum(segment.repeat * segment.graph.flops for segment in none.forward.segments[1:-1])
    assert full.backward.flops - none.backward.flops == layers


def test_training_with_scaled_weights_is_refused_in_words() -> None:
    whole = load_model("llama3-8b").build(Traversal.uniform(1, 8), Recipe.of(DType.FP8, "flash", "all"))
    with pytest.raises(ConfigError, match="weights in fp8 is not modelled yet"):
        training_step(whole)
