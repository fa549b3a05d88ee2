"""Board power of single kernels, in the columns of its source."""

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.validation.suites import run_suite

HEADER = "chip,table,type,shape,latency_us,power_w\n"


def compare(tmp_path, rows):
    path = tmp_path / "power.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return run_suite("aic_power", data=path)


def test_watts_lie_between_idle_power_and_the_limit_and_rise_with_the_work(tmp_path):
    rows = "".join(f"h200_sxm,gemm,bfloat16,m={m} n=8192 k=8192,100,500\n" for m in (1, 64, 1024, 32768))
    found = compare(tmp_path, rows)
    chip = load_chip("nvidia-h200-sxm")
    assert found.unit == "W"
    assert np.all((found.predicted_s > chip.idle_w) & (found.predicted_s <= chip.tdp_w * (1 + 1e-9)))
    assert found.predicted_s[-1] == pytest.approx(chip.tdp_w)  # 32,768 rows at the full clock would pass the limit
    assert np.all(np.diff(found.predicted_s[1:]) > 0)


def test_a_cache_of_half_the_bytes_draws_less(tmp_path):
    shape = "batch_size=64 isl=1 num_heads=32 num_key_value_heads=8 head_dim=128 window_size=0 step=16383"
    rows = "".join(f"b200_sxm,generation_attention,bfloat16/{kv},{shape},400,600\n" for kv in ("bfloat16", "fp8"))
    wide, narrow = compare(tmp_path, rows).predicted_s
    assert narrow < wide


def test_experts_and_what_is_no_kernel_here(tmp_path):
    layer = "num_tokens=256 hidden_size=2048 inter_size=768 topk=8 num_experts=128 moe_tp_size=1"
    rows = (
        f"b200_sxm,moe,bfloat16,{layer} moe_ep_size=1,100,600\n"
        f"b200_sxm,moe,bfloat16,{layer} moe_ep_size=4,100,600\n"
        "b200_sxm,mla_bmm,mla_gen_pre/bfloat16,num_tokens=4 num_heads=1,10,300\n"
        "b200_sxm,gemm,int4,m=1 n=64 k=64,2,250\n"
    )
    found = compare(tmp_path, rows)
    assert len(found.predicted_s) == 1
    texts = " ".join(note.text for note in found.notes)
    for word in ("several that share the experts", "mla_bmm", "no kernel of int4"):
        assert word in texts


def test_a_file_without_the_columns_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("chip,m\nb200_sxm,1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="columns missing: table, type, shape"):
        run_suite("aic_power", data=path)
    with pytest.raises(ConfigError, match="batch"):
        compare(tmp_path, "b200_sxm,context_attention,bfloat16/bfloat16,isl=8 num_heads=4 head_dim=64,5,300\n")
