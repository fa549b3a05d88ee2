"""The free parameters of each kernel family of a GPU, with the bounds physics sets."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.cost.calibrate import FreeParameter

_US, _NS, _GB = 1e-6, 1e-9, 1e9

_NARROW_OWN = ("wave_s", "k_block_s", "matrix_efficiency", "serial_fraction")
#: The launch is not fitted: replayed empty kernels take 1.26 to 1.34 us, and the data see its sum with ``wave_s`` only.
GEMM = (
    FreeParameter("wave_s", 0.05 * _US, 4 * _US, 1 * _US),
    FreeParameter("k_block_s", 5 * _NS, 400 * _NS, 80 * _NS),
    FreeParameter("matrix_efficiency", 0.3, 1.08, 0.85),
    FreeParameter("hbm_efficiency", 0.4, 1.0, 0.88),
    FreeParameter("l2_efficiency", 0.3, 2.0, 1.2),
    FreeParameter("split_k_s", 0.1 * _US, 8 * _US, 2.5 * _US),
    FreeParameter("serial_fraction", 0.01, 1.0, 0.7),
)
#: What a narrow type takes from the 16-bit products.
SHARED_BY_NARROW = ("launch_s", "hbm_efficiency", "l2_efficiency", "split_k_s")
GEMM_NARROW = (
    *(parameter for parameter in GEMM if parameter.name in _NARROW_OWN),
    FreeParameter("single_row_s", 1 * _NS, 30 * _US, 1 * _US),
    FreeParameter("quantize_row_s", 0.1 * _NS, 30 * _NS, 6 * _NS),
    FreeParameter("quantize_efficiency", 0.05, 1.0, 0.6),
)
#: Products of the vector unit, each launched alone: the latency of a k-loop step does not show beside its arithmetic.
GEMM_FP32 = (
    *(
        p
        for p in GEMM
        if p.name in ("wave_s", "matrix_efficiency", "hbm_efficiency", "l2_efficiency", "serial_fraction")
    ),
    FreeParameter("misaligned_efficiency", 0.1, 1.0, 0.8),
    FreeParameter("page_reach_bytes", 1e6, 1e9, 8e6),
    FreeParameter("page_miss_s", 0.1 * _NS, 200 * _NS, 20 * _NS),
)
MOE = (
    FreeParameter("launch_s", 3 * _US, 60 * _US, 15 * _US),
    FreeParameter("wave_s", 0.05 * _US, 8 * _US, 1 * _US),
    FreeParameter("k_block_s", 5 * _NS, 1000 * _NS, 100 * _NS),
    FreeParameter("matrix_efficiency", 0.2, 1.0, 0.6),
    FreeParameter("hbm_efficiency", 0.3, 1.0, 0.8),
    FreeParameter("l2_efficiency", 0.3, 2.0, 1.0),
    FreeParameter("stream_efficiency", 0.05, 1.0, 0.6),
    FreeParameter("serial_fraction", 0.01, 1.0, 0.7),
    FreeParameter("route_s", 1e-12, 1e-8, 7e-10),
)
#: What few rows of a second library determine; the rest is that of the first.
_CUTLASS_OWN = ("launch_s", "k_block_s", "matrix_efficiency", "hbm_efficiency")
PREFILL = (
    FreeParameter("launch_s", 1 * _US, 20 * _US, 5 * _US),
    FreeParameter("tile_s", 0.01 * _US, 8 * _US, 2 * _US),
    FreeParameter("matrix_efficiency", 0.3, 1.0, 0.7),
    FreeParameter("score_s", 1e-13, 1e-9, 3e-11),
    FreeParameter("hbm_efficiency", 0.2, 1.0, 0.8),
    FreeParameter("append_s", 50 * _NS, 20 * _US, 2 * _US),
    FreeParameter("overlap_fraction", 0.01, 1.0, 0.5),
    FreeParameter("wide_head_factor", 1.0, 6.0, 1.5),
)
_FORWARD = (
    FreeParameter("tile_s", 0.01 * _US, 8 * _US, 2 * _US),
    FreeParameter("matrix_efficiency", 0.1, 1.0, 0.7),
    FreeParameter("score_s", 1e-13, 1e-9, 1e-11),
)
#: Forward and backward of one library; score and products are told apart by head widths.
FLASH_TRAINING = (
    *_FORWARD,
    FreeParameter("backward_efficiency", 0.1, 1.0, 0.7),
    FreeParameter("backward_score_s", 1e-13, 1e-9, 2e-11),
)
#: Rows of one head width and one grid of cores: rates alone.
FLASH_WHOLE_HEADS = (
    FreeParameter("matrix_efficiency", 0.05, 1.0, 0.35),
    FreeParameter("backward_efficiency", 0.05, 1.0, 0.35),
    FreeParameter("dropout_s", 1e-13, 1e-9, 5e-11),
)
DECODE = (
    FreeParameter("launch_s", 1 * _US, 20 * _US, 5 * _US),
    FreeParameter("tile_s", 0.1 * _US, 6 * _US, 2 * _US),
    FreeParameter("block_s", 50 * _NS, 3 * _US, 500 * _NS),
    FreeParameter("core_bandwidth_bytes_per_s", 5 * _GB, 500 * _GB, 40 * _GB),
    FreeParameter("hbm_efficiency", 0.4, 1.0, 0.85),
    FreeParameter("split_s", 0.01 * _US, 10 * _US, 2 * _US),
    FreeParameter("element_s", 1e-13, 5e-9, 1e-10),
    FreeParameter("wide_head_s", 1 * _NS, 10 * _US, 1 * _US),
    FreeParameter("regroup_s", 1 * _NS, 15 * _US, 5 * _US),
)
ROWWISE = (
    FreeParameter("kernel_s", 0.3 * _US, 6 * _US, 2 * _US),
    FreeParameter("hbm_efficiency", 0.3, 1.0, 0.85),
    FreeParameter("core_bandwidth_bytes_per_s", 2 * _GB, 300 * _GB, 12 * _GB),
    FreeParameter("block_bandwidth_bytes_per_s", 0.5 * _GB, 100 * _GB, 7 * _GB),
)

#: Free parameters by section of the calibration block.
FREE_PARAMETERS: Mapping[str, tuple[FreeParameter, ...]] = {
    "gemm": GEMM,
    "gemm_fp8": GEMM_NARROW,
    "gemm_int8": GEMM_NARROW,
    "gemm_fp32": GEMM_FP32,
    "moe": MOE,
    "moe_cutlass": tuple(p for p in MOE if p.name in _CUTLASS_OWN),
    "attention_prefill": PREFILL,
    "attention_decode": DECODE,
    "attention_flash1": FLASH_WHOLE_HEADS,
    "attention_flash2": FLASH_TRAINING,
    "attention_flash3": _FORWARD,
    "rowwise": (*ROWWISE, FreeParameter("gather_s", 1 * _NS, 5 * _US, 1 * _US)),
    "reduction": ROWWISE,
    "elementwise": ROWWISE,
}


def largest_of(section: str) -> Mapping[str, float]:
    """The physical upper bound of each free parameter of a section."""
    return {parameter.name: parameter.high for parameter in FREE_PARAMETERS[section]}
