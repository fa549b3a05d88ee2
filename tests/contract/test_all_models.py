"""Every shipped model loads, keeps its published parameter count and builds in every phase."""

from __future__ import annotations

import itertools

import pytest

from accelsim.catalog import Catalog
from accelsim.dtypes import DType
from accelsim.workload.axes import TENSOR_PARALLEL_AXES
from accelsim.workload.blocks.base import entering, leaving
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model, load_model_file
from accelsim.workload.phase import Decode, Phase, Prefill
from accelsim.workload.recipe import Recipe

MODELS = Catalog(environment=()).names("models")
PHASES = [Prefill(batch=2, prompt=64), Decode(batch=2, context=64)]


def test_the_promised_models_are_shipped() -> None:
    promised = (
        "gpt2-xl gpt3-13b gpt3-175b opt-175b llama2-7b llama2-13b llama2-70b codellama-34b llama3-8b llama3-70b "
        "llama3-405b mistral-7b qwen2-72b palm-540b"
    )
    assert set(promised.split()) <= set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_states_its_source_and_a_check_it_meets_within_one_percent(name: str) -> None:
    loaded = load_model_file(name)
    published = loaded.spec.checks.parameters
    assert published is not None
    assert loaded.spec.num_parameters == pytest.approx(published, rel=0.01)
    assert loaded.provenance["checks.parameters"].source
    assert loaded.spec.name == name and loaded.spec.source and loaded.spec.description


@pytest.mark.parametrize("phase", PHASES, ids=str)
@pytest.mark.parametrize("attention", ["flash", "standard"])
@pytest.mark.parametrize("name", MODELS)
def test_the_weights_of_the_graphs_are_the_parameters_of_the_model(name: str, attention: str, phase: Phase) -> None:
    model = load_model(name)
    workload = build_workload(model, phase, Recipe.of(DType.FP16, attention=attention))  # type: ignore[arg-type]
    assert workload.num_parameters == model.num_parameters
    assert workload.weight_bytes == 2 * model.num_parameters


@pytest.mark.parametrize("phase", PHASES, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_blocks_chain_by_one_activation_of_the_hidden_size(name: str, phase: Phase) -> None:
    model = load_model(name)
    graphs = [
        segment.graph for segment in build_workload(model, phase, Recipe.of(model.torch_dtype, logits="all")).segments
    ]
    for before, after in itertools.pairwise(graphs):
        assert leaving(before).shape == entering(after).shape
        assert leaving(before).shape[-1] == model.hidden_size
    head = graphs[-1]
    assert leaving(head).shape[-1] == model.vocab_size


@pytest.mark.parametrize("name", MODELS)
def test_a_block_splits_over_its_heads_into_equal_matrix_work(name: str) -> None:
    model = load_model(name)
    heads = model.num_attention_heads
    degree = 4 if heads % 2 == 0 else next(part for part in range(3, heads + 1) if heads % part == 0)  # 25 or 71 heads
    for segment in build_workload(model, PHASES[1]).segments[1:2]:
        for operator in segment.graph:
            share = operator.shard(dict.fromkeys(TENSOR_PARALLEL_AXES, degree))
            if operator.kind == "attention" or operator.name in ("attn.out", "mlp.down", "mlp.gate_up", "mlp.up"):
                assert degree * share.flops == operator.flops
