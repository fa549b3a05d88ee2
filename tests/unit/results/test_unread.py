"""Overrides that change nothing are named in the result."""

import pytest

from accelsim import Prefill, simulate


def named(system, *overrides, phase=Prefill(1, 64), plan="tp=1"):  # noqa: B008
    result = simulate("llama3-8b", system, phase, plan, overrides=overrides, what_ifs=False)
    return [text for text in result.warnings if "changes no figure" in text or "changes the shape" in text]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("chip.launch", "5 us", "kernels launch as calibrated"),
        ("chip.sram_per_core", "100 KiB", "tiles are those of the library"),
        ("chip.memories.hbm.latency", "1 us", "latencies are in the calibrated times"),
        ("chip.matrix_flops_per_cycle.fp8", "1", "the run computes in another type"),
        ("chip.spare_rows", "0", "only execution=spatial"),
        ("chip.calibration.moe.launch", "5 us", "no operator of the run is priced by calibration.moe"),
    ],
)
def test_a_field_that_nothing_reads_is_named_with_the_reason(path, value, reason):
    (text,) = named("nvidia-h100-sxm", (path, value))
    assert text.startswith(f"override-unread: {path} changes no figure of this result (cost model gpu): ")
    assert reason in text


def test_a_link_that_nothing_crosses_is_named_and_one_in_use_is_not():
    override = ("system.levels.nvlink.link.latency", "2 us")
    assert "nothing of the run crosses nvlink" in named("nvidia-dgx-h100:2", override)[0]
    assert named("nvidia-dgx-h100:2", override, plan="tp=2") == []


def test_the_shape_of_an_array_does_not_move_its_peak():
    (text,) = named("google-tpu-v4", ("chip.systolic.rows", "256"))
    assert "set chip.matrix_flops_per_cycle too" in text


def test_fields_that_are_read_and_shipped_variants_say_nothing():
    assert named("nvidia-h100-sxm", ("chip.memories.hbm.bandwidth", "2 TB/s"), ("chip.tdp", "600 W")) == []
    assert named("nvidia-a100-pcie-80gb") == []


def test_what_the_file_of_a_variant_states_is_judged_like_an_override(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: nvidia-h100-sxm\nname: mine\nlaunch: 3 us\nclock: 1700 MHz\nchecks: null\n")
    (text,) = named(str(path))
    assert text.startswith("override-unread: chip.launch changes no figure")
