from pathlib import Path

import pytest

from accelsim.catalog import Catalog
from accelsim.workload.model import Model

INPUTS = Path(__file__).parents[4] / "golden" / "inputs"


@pytest.fixture(scope="session")
def small_array():
    """Path of a chip of 64 x 64 cores: 256 MiB of SRAM."""
    return str(INPUTS / "small-array.yaml")


@pytest.fixture(scope="session")
def small_arrays():
    """Path of a system of up to 8 such chips."""
    return str(INPUTS / "small-arrays.yaml")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Path of a llama-like model of 4 layers: about 25 M parameters, 50 MB in 16 bit."""
    path = tmp_path_factory.mktemp("model") / "config.json"
    path.write_text(
        '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 512, "num_hidden_layers": 4,'
        ' "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 1536, "vocab_size": 8192,'
        ' "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 4096, "rope_theta": 10000.0,'
        ' "torch_dtype": "bfloat16", "tie_word_embeddings": false}',
        encoding="utf-8",
    )
    return str(path)


@pytest.fixture(scope="session")
def tiny(tiny_model) -> Model:
    from accelsim.workload.formats.hf import load_model

    return load_model(tiny_model, Catalog())
