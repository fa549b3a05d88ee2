"""aiconfigurator's table of collectives: elements to bytes, kernels to libraries, how good the kernels are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.validation.suites import run_suite

HEADER = "chip,table,op_name,kernel_source,nccl_dtype,num_gpus,message_size,allreduce_dtype,latency_us,src\n"


def test_a_size_is_a_number_of_elements(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    half = "h100_sxm,nccl,all_reduce,NCCL,half,8,32768,,18.6,s\n"
    path.write_text(HEADER + half + half.replace("half", "int8").replace("32768", "65536"))
    found = run_suite("aic_comm", data=path)
    assert found.predicted_s[0] == found.predicted_s[1] == pytest.approx(18.56e-6, rel=1e-3)
    assert [label[2] for label in found.labels] == ["fp16", "int8"]


def test_a_kernel_is_priced_by_its_library_and_an_eager_call_takes_at_least_the_host(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    row = "h100_sxm,custom_allreduce,all_reduce,KERNEL,,8,32768,bfloat16,6,s\n"
    kernels = ("vLLM_custom_graph", "TRTLLM", "SGLang_CustomAllReduce_graph", "vLLM_custom_eager")
    path.write_text(HEADER + "".join(row.replace("KERNEL", name) for name in kernels))
    found = run_suite("aic_comm", data=path).predicted_s * 1e6
    assert found == pytest.approx([6.16, 4.27, 4.36, 21.0], abs=0.01)


def test_libraries_that_are_not_modelled_are_left_out_by_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    row = "h100_sxm,nccl,all_reduce,NCCL,half,8,32768,,18.6,s\n"
    path.write_text(HEADER + row + row.replace("NCCL", "oneCCL"))
    notes = [str(note) for note in run_suite("aic_comm", data=path).notes]
    assert [note for note in notes if "oneCCL" in note]


def test_the_engines_all_reduce_is_within_twelve_percent_over_all_chips() -> None:
    found = run_suite("aic_comm")
    custom = np.array([label[2] == "bf16" for label in found.labels]) & ~np.isnan(found.predicted_s)
    assert custom.sum() > 900
    assert np.abs(found.predicted_s / found.measured_s - 1)[custom].mean() < 0.12
