"""Patterns of modules as methods of quantisation write them."""

from __future__ import annotations

import pytest

from accelsim.errors import ConfigError
from accelsim.workload.formats._patterns import Patterns
from accelsim.workload.stored import read_ranges, write_ranges

DOWN = "layers.1.mlp.down_proj"


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("model.layers.1.mlp.down_proj", DOWN, True),
        ("model.layers.1.mlp", DOWN, True),
        ("model.layers.1", "layers.11.mlp.down_proj", False),
        ("mlp.down_proj", DOWN, True),
        ("down", DOWN, False),  # parts between dots, not of words
        ("gate", "layers.1.mlp.gate_proj", False),
        ("language_model.model.layers.1*", DOWN, True),
        ("language_model.model.layers.0*", DOWN, False),
        ("model.layers.*.self_attn", "layers.7.self_attn.q_proj", True),
        ("*.mlp.*", DOWN, True),
        ("*self_attn*", DOWN, False),
        ("transformer.h.1.mlp", DOWN, True),
        ("re:.*mlp\\.(gate|up|down)_proj.*", DOWN, True),
        ("re:.*mlp\\.(gate|up|down)_proj.*", "layers.1.mlp.experts.0.down_proj", False),
        ("re:model\\.layers\\.[0-3]\\..*", DOWN, True),
        ("re:mlp", DOWN, False),  # from the beginning of a name
        ("lm_head", "lm_head", True),
        ("*lm_head*", "lm_head", True),
    ],
)
def test_a_pattern_means_modules_by_name(pattern: str, name: str, matches: bool) -> None:
    assert Patterns([pattern]).match(name) is matches
    assert Patterns(["vision_tower*", pattern, "re:nothing"]).match(name) is matches


def test_no_pattern_means_nothing_and_a_broken_one_is_named() -> None:
    assert not Patterns([]) and not Patterns([]).match(DOWN)
    with pytest.raises(ConfigError, match=r"'re:\(' is no regular expression"):
        Patterns(["re:("])


@pytest.mark.parametrize("text", ["0", "0-2", "0-2,60", "1,3,5-6"])
def test_ranges_of_layers_are_read_as_they_are_written(text: str) -> None:
    assert write_ranges(read_ranges(text)) == text
