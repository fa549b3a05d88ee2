import pytest

from accelsim.catalog import Catalog
from accelsim.workload.model import Model

CHIP = """
schema_version: 1
kind: chip
name: small-array
description: 64 x 64 cores of 64 KiB on a mesh, for tests.
cost_model: mesh
clock: 1 GHz
core_grid: [64, 64]
matrix_flops_per_cycle: {fp16: 8, bf16: 8}
vector_flops_per_cycle: {fp16: 8, bf16: 8}
sram_per_core: 64 KiB
sram_bandwidth_per_core: 24 GB/s
noc: {link_bandwidth: 4 GB/s, hop_latency: 1 ns}
tdp: 100 W
calibration:
  mesh: {vector_start_cycles: 6, function_cycles: 40, stage_cycles: 14, phase_cycles: 88, shift_step_cycles: 300}
"""

SYSTEM = """
schema_version: 1
kind: system
name: small-arrays
description: Arrays joined by a switch, for tests.
chip: {chip}
levels:
  fabric:
    topology: switch
    size: 8
    link: {{bandwidth: 10 GB/s, latency: 1 us}}
host:
  link: {{bandwidth: 1 GB/s, latency: 2 us}}
"""


@pytest.fixture(scope="session")
def small_array(tmp_path_factory):
    """Path of a chip of 64 x 64 cores: 256 MiB of SRAM."""
    path = tmp_path_factory.mktemp("hw") / "small-array.yaml"
    path.write_text(CHIP, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def small_arrays(small_array, tmp_path_factory):
    """Path of a system of up to 8 such chips."""
    path = tmp_path_factory.mktemp("hw") / "small-arrays.yaml"
    path.write_text(SYSTEM.format(chip=small_array), encoding="utf-8")
    return str(path)


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
