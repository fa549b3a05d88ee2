"""Rows of measured kernels in the columns of their sources: what they become here, and which are left out with why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim.errors import ConfigError
from accelsim.validation.suites import run_suite, suite_table

ATTENTION = {"chip": "h100_sxm", "batch_size": "4", "isl": "128", "num_heads": "32", "num_key_value_heads": "8"}
ATTENTION |= {
    "head_dim": "128",
    "attn_dtype": "bfloat16",
    "kv_cache_dtype": "bfloat16",
    "step": "0",
    "latency_us": "50",
}
PROMPT, CACHE = {"table": "context_attention"}, {"table": "generation_attention", "isl": "1", "step": "7"}
FP8 = {"kv_cache_dtype": "fp8"}


def labels(suite, tmp_path, **cells):
    """What one row becomes: hardware, operator and type."""
    table = suite_table(suite).take([0])
    columns = {name: [cells.get(name, "")] for name in table.columns}
    (tmp_path / "mine.csv").write_text(replace(table, columns=columns).csv())
    return run_suite(suite, data=tmp_path / "mine.csv").labels


@pytest.mark.parametrize(
    ("cells", "op", "dtype"),
    [
        ({**PROMPT, "src": "attention/vllm/1"}, "attention_prefill", "bf16"),
        ({**PROMPT, **FP8, "src": "attention/vllm/1"}, "attention_prefill", "fp8"),
        ({**PROMPT, **FP8, "src": "attention/sglang/1"}, "attention_prefill_fp8_cache_sglang", "bf16"),
        ({**CACHE, **FP8, "src": "attention/trtllm/1"}, "attention_decode_fp8_cache_trtllm", "bf16"),
        ({**CACHE, "src": "attention/sglang/1", "kernel_source": "triton"}, "attention_decode_triton", "bf16"),
        (
            {"table": "encoder_attention", "src": "encoder_attention/trtllm/1", "kv_cache_dtype": ""},
            "attention_encoder_trtllm",
            "bf16",
        ),
    ],
)
def test_attention_by_table_library_and_cache(cells, op, dtype, tmp_path):
    found = labels("aic_attention", tmp_path, **{**ATTENTION, **cells})
    assert found == [("nvidia-h100-sxm", op, dtype)]


def test_an_unknown_library_is_left_out_by_name(tmp_path):
    cells = {**ATTENTION, "table": "context_attention", "src": "attention/other/1"}
    with pytest.raises(ConfigError, match=r"no row can be compared: 1 left out: .*no attention of other is modelled"):
        labels("aic_attention", tmp_path, **cells)


def test_whole_modules_of_latent_attention_are_left_out(tmp_path):
    cells = {
        "chip": "h100_sxm",
        "table": "mla_context_module",
        "num_heads": "128",
        "latency_us": "90",
        "src": "mla/vllm/1",
    }
    with pytest.raises(ConfigError, match=r"no row can be compared: 1 left out: .*whole modules"):
        labels("aic_mla", tmp_path, **cells)


EXPERTS = {"chip": "h100_sxm", "table": "moe", "num_tokens": "64", "hidden_size": "4096", "inter_size": "1536"}
EXPERTS |= {"topk": "8", "num_experts": "128", "moe_tp_size": "1", "moe_ep_size": "4", "latency_us": "100"}
EXPERTS |= {"src": "moe/vllm/1", "distribution": "power_law_1.2", "moe_dtype": "bfloat16"}


@pytest.mark.parametrize(
    ("cells", "op", "dtype"),
    [
        ({"kernel_source": "vllm_fused_moe"}, "moe_triton", "bf16"),
        ({"kernel_source": "vllm_fp8moe_triton_tritonexperts", "moe_dtype": "fp8_block"}, "moe_block_triton", "fp8"),
        ({"kernel_source": "sglang_marlin_moe", "moe_dtype": "int4_wo"}, "moe_int4_weights_marlin", "bf16"),
        ({"kernel_source": "moe_torch_flow_cutlass", "moe_dtype": "fp8"}, "moe_torch_flow", "fp8"),
        ({"kernel_source": "x_flashinfer_trtllm_y", "moe_dtype": "nvfp4"}, "moe_trtllm", "fp4"),
    ],
)
def test_experts_by_kernel_and_storage(cells, op, dtype, tmp_path):
    chip = "b200_sxm" if dtype == "fp4" else "h100_sxm"
    found = labels("aic_moe", tmp_path, **{**EXPERTS, **cells, "chip": chip})
    assert [label[1:] for label in found] == [(op, dtype)]


def test_experts_stored_twice_are_left_out(tmp_path):
    cells = {**EXPERTS, "kernel_source": "vllm_fused_moe", "distribution": "power_law_1.2_eplb"}
    with pytest.raises(
        ConfigError, match=r"no row can be compared: 1 left out: .*no routing power_law_1.2_eplb is modelled"
    ):
        labels("aic_moe", tmp_path, **cells)


def test_a_flag_of_the_source_leaves_a_product_out(tmp_path):
    cells = {
        "chip": "mi308x",
        "op": "gemm",
        "dtype": "bf16",
        "b": "1",
        "m": "16",
        "n": "128",
        "k": "256",
        "time_us": "5",
    }
    assert labels("amd_aiter_gemm", tmp_path, **cells) == [("amd-mi308x", "gemm", "bf16")]
    with pytest.raises(
        ConfigError, match=r"no row can be compared: 1 left out: .*flagged in the source: above_peak_flops"
    ):
        labels("amd_aiter_gemm", tmp_path, **cells, flag="above_peak_flops")
