"""What prices rest on, chip by operator by type: read off the prices, the calibrations and the tables they name."""

import json

import pytest
from typer.testing import CliRunner

from accelsim.cli.app import app
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.validation.support import FAMILIES, LEVELS, support


def levels(chip):
    return {(one.family, one.dtype.value): one.level for one in support([chip])}


@pytest.mark.parametrize(
    ("chip", "family", "dtype", "level"),
    [
        ("nvidia-h100-sxm", "gemm", "bf16", "measured"),
        ("nvidia-h100-sxm", "gemm", "fp16", "measured"),  # the same kernels
        ("nvidia-h100-sxm", "gemm", "int8", "assumed"),  # efficiencies of fp8 stand in
        ("nvidia-h100-sxm", "decode attention", "fp32", "assumed"),  # the table has 16-bit rows only
        ("nvidia-h100-sxm", "gemm", "fp4", "refused"),
        ("nvidia-h100-nvl", "gemm", "bf16", "inherited"),
        ("amd-mi300x", "gemm", "bf16", "typical"),
        ("google-tpu-v4", "gemm", "fp16", "measured"),
        ("google-tpu-v4", "prefill attention", "fp16", "assumed"),
        ("cerebras-wse2", "gemm", "fp16", "measured"),
        ("sram-array", "gemm", "fp16", "assumed"),
    ],
)
def test_a_cell_says_what_stands_behind_the_price(chip, family, dtype, level):
    assert levels(chip)[family, dtype] == level


def test_every_cell_that_is_no_measurement_has_a_reason_and_narrow_types_are_of_products_and_attention():
    found = support(["nvidia-b200-sxm", "graphcore-gc200"])
    assert {one.level for one in found} <= set(LEVELS)
    assert all(bool(one.reason) == (one.level != "measured") for one in found)
    assert {one.family for one in found if one.dtype is DType.FP8} < set(FAMILIES)
    assert {one.family for one in found if one.dtype is DType.BF16} == set(FAMILIES)


def test_an_unknown_chip_is_refused():
    with pytest.raises(ConfigError, match="nvidia-h100"):
        support(["nvidia-h1000"])


def test_the_command_prints_lines_that_fit_and_the_same_as_json():
    shown = CliRunner().invoke(app, ["show", "support", "google-tpu-v4"])
    assert shown.exit_code == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "fp16  measured  assumed" in shown.stdout
    plain = json.loads(CliRunner().invoke(app, ["show", "support", "google-tpu-v4", "--json", "-"]).stdout)
    assert {"chip": "google-tpu-v4", "family": "gemm", "dtype": "fp16", "level": "measured", "reason": ""} in plain
