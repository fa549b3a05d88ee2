"""Families, features, attentions and blocks that an outside package brings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

from accelsim import ConfigError, Decode, Model, OperatorGraph, build_workload, load_model, simulate
from accelsim.config.bounds import Width
from accelsim.workload.blocks.base import BLOCKS, register_block
from accelsim.workload.description import Description
from accelsim.workload.families.base import FAMILIES, Config, Family, Fields, Values, register_family
from accelsim.workload.features.attention import ATTENTIONS, register_attention
from accelsim.workload.features.base import FEATURES, Feature, register_feature
from accelsim.workload.layer import Layer
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.tensor import Axis, Tensor
from accelsim.workload.wiring import Pass, Wiring

HIDDEN, LAYERS, VOCAB, STATE = 64, 3, 100, 16


@pytest.fixture(autouse=True)
def outside() -> Iterator[None]:
    """What a package registers when it is imported, for one test."""
    registries: tuple[Any, ...] = (FAMILIES, FEATURES, ATTENTIONS, BLOCKS)
    for registry in registries:
        registry.discover()
    before = [dict(registry._members) for registry in registries]
    _register()
    yield
    for registry, members in zip(registries, before, strict=True):
        registry._members = members


class Mixing(Feature):
    """Fields of a toy that mixes tokens by a state."""

    state_size: Width = Field(description="Width of the state.")
    gated: bool = Field(False, description="Whether a gate scales the result.")

    def check(self) -> None:
        if self.gated and self.state_size < 8:
            raise ValueError(f"a gate needs state_size of at least 8, got {self.state_size}.")
        super().check()


def _register() -> None:
    register_feature("mixing")(Mixing)

    @register_block("mixing")
    def build_mixing(model: Description, step: Pass, layer: Layer) -> OperatorGraph:
        wiring, size = Wiring(model, step), model.feature(Mixing).state_size
        x = wiring.activation("decoder.in", wiring.hidden)
        inside = wiring.gemm("mix.in", x, Axis.of("ffn", size))
        wiring.sum("mix.add", x, wiring.gemm("mix.out", inside, wiring.hidden))
        return wiring.graph(layer.name)

    @register_attention("averaged")
    def attend_averaged(wiring: Wiring[Any], layer: Layer, x: Tensor) -> Tensor:
        result = replace(x, name="attn.mean.out")
        return wiring.add(Elementwise("attn.mean", (x,), (result,), "gelu"))

    @register_family("mixer")
    class Mixer(Family):
        renames: ClassVar[dict[str, str]] = {"d_model": "hidden_size"}
        defaults: ClassVar[Values] = {
            "max_position_embeddings": 128,
            "num_attention_heads": 1,
            "intermediate_size": 1,
            "hidden_act": "gelu",
        }
        structure: ClassVar[Values] = {"block": "mixing", "position": "none"}
        switches: ClassVar[dict[str, type]] = {"d_state": int}

        @classmethod
        def finish(cls, config: Config, fields: Fields) -> None:
            fields["features"] = {"mixing": {"state_size": config.get("d_state", 4)}}


def model(**changes: Any) -> Model:
    fields: dict[str, Any] = {
        "hidden_size": HIDDEN,
        "intermediate_size": 4 * HIDDEN,
        "num_hidden_layers": LAYERS,
        "vocab_size": VOCAB,
        "max_position_embeddings": 128,
        "num_attention_heads": 4,
        "block": "mixing",
        "features": {"mixing": {"state_size": STATE}},
    }
    return Model(**{**fields, **changes})


def test_a_block_with_fields_of_its_own_counts_and_runs() -> None:
    # embedding, head, final norm, and two matrices per layer
    assert model().num_parameters == 2 * VOCAB * HIDDEN + HIDDEN + LAYERS * 2 * HIDDEN * STATE
    assert model().kv_bytes_per_token() == 0
    assert simulate(model(), "nvidia-h100-sxm", Decode(1, 16), plan="tp=1", what_ifs=False).latency_s > 0


def test_an_attention_takes_the_place_of_ours_in_our_blocks() -> None:
    averaged = model(block="dense", attention="averaged", features=())
    names = [operator.name for operator in build_workload(averaged, Decode(1, 16)).segments[1].graph]
    assert names[:3] == ["attn.norm", "attn.mean", "attn.add"]
    mlp = 3 * HIDDEN * 4 * HIDDEN
    assert averaged.num_parameters == 2 * VOCAB * HIDDEN + HIDDEN + LAYERS * (mlp + 2 * HIDDEN)


def test_a_family_reads_its_config(tmp_path: Path) -> None:
    config = {"model_type": "mixer", "d_model": HIDDEN, "num_hidden_layers": LAYERS, "vocab_size": VOCAB, "d_state": 8}
    config["torch_dtype"] = "bfloat16"
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = load_model(tmp_path)
    assert found.feature(Mixing).state_size == 8
    assert found.num_parameters == 2 * VOCAB * HIDDEN + HIDDEN + LAYERS * 2 * HIDDEN * 8
    assert found.warnings == ()


def test_features_are_read_from_our_files_and_survive_a_case(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    lines = [
        f"{key}: {json.dumps(value)}" for key, value in model().model_dump(mode="json", exclude_defaults=True).items()
    ]
    lines = [line for line in lines if not line.startswith("features")]
    path.write_text("\n".join(["kind: model", *lines, "features:", "  mixing:", f"    state_size: {STATE}"]))
    found = load_model(path)
    assert found.features == model().features
    assert Model.model_validate(found.model_dump(mode="json", exclude_defaults=True)) == found


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"mixin": {}}, "unknown feature 'mixin'. Known: mixing. Did you mean 'mixing'"),
        ({"mixing": {}}, "mixing.state_size: Field required"),
        ({"mixing": {"state_size": 4, "gated": True}}, "a gate needs state_size of at least 8, got 4"),
        ({"mixing": {"state_size": 4, "gate": True}}, "mixing.gate: Extra inputs are not permitted"),
        (5, "expected features by name"),
    ],
)
def test_wrong_features_are_refused(features: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model(features=features)


def test_a_model_without_the_fields_of_its_block_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"features has no Mixing.*State its fields there"):
        model(features=()).num_parameters  # noqa: B018
