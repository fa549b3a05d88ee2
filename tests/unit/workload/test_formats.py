"""Formats: the bytes of elements and scales, and how they are spelled."""

from __future__ import annotations

import pytest

from accelsim.dtypes import FORMATS, SHORT_NAMES, DType, Format
from accelsim.errors import ConfigError
from accelsim.workload.tensor import Axis, Role, Tensor


def weight(name: str, *axes: Axis) -> Tensor:
    format_ = Format.parse(name)
    return Tensor("w", axes, format_.element, Role.WEIGHT, format_.weights)


def matrix(name: str, rows: int, cols: int) -> int:
    """Bytes of a weight of so many inputs and outputs."""
    return weight(name, Axis.of("k", rows), Axis.of("n", cols)).size_bytes


@pytest.mark.parametrize(
    ("name", "rows", "cols", "nbytes"),
    [
        ("bf16", 256, 256, 2 * 65536),
        ("fp8", 256, 256, 65536 + 4),
        ("fp8-channel", 256, 300, 256 * 300 + 4 * 300),
        ("fp8-block", 256, 256, 65536 + 4 * 4),  # 2 x 2 blocks
        ("fp8-block", 257, 256, 257 * 256 + 4 * 6),  # 3 x 2: the last rows are a block of their own
        ("fp8-block", 128, 129, 128 * 129 + 4 * 2),
        ("int8", 256, 300, 256 * 300 + 4 * 300),
        ("int4-g128", 256, 10, 1280 + 2 * 10 * 2),
        ("int4-g128", 257, 10, 1285 + 2 * 10 * 3),  # one row too many for two groups
        ("int4-g64-zp", 128, 10, 640 + 50),  # 20 groups of 16 + 4 bits
        ("int4-channel", 256, 10, 1280 + 20),
        ("mxfp4", 64, 10, 320 + 20),
        ("mxfp4", 65, 10, 325 + 30),
        ("nvfp4", 64, 10, 320 + 40 + 4),
        ("mxfp8", 64, 10, 640 + 20),
    ],
)
def test_bytes_are_elements_and_a_scale_for_every_block_begun(name: str, rows: int, cols: int, nbytes: int) -> None:
    assert matrix(name, rows, cols) == nbytes


@pytest.mark.parametrize(("name", "bits"), [("mxfp4", 4.25), ("nvfp4", 4.5), ("int4-g128", 4.125), ("int4-g32", 4.5)])
def test_scales_of_small_groups_count_in_the_bits_of_a_weight(name: str, bits: float) -> None:
    assert Format.parse(name).bits_per_element == pytest.approx(bits, abs=1e-6)


def test_every_expert_and_every_part_of_an_axis_is_a_matrix_of_its_own() -> None:
    experts = weight("fp8", Axis.of("experts", 3), Axis.of("hidden", 8), Axis.of("ffn", 8))
    assert experts.size_bytes == 3 * (64 + 4)
    gate_up = weight("fp8-block", Axis.of("hidden", 128), Axis("gate_up", ((192, 1), (192, 1))))
    assert gate_up.size_bytes == 128 * 384 + 4 * 2 * 2  # two blocks each, not three for both


def test_the_left_operand_has_scales_along_the_axis_that_is_summed_over() -> None:
    x = Tensor("x", (Axis.of("tokens", 5), Axis.of("hidden", 256)), DType.BF16)
    assert x.as_input(Format.parse("fp8-block")).size_bytes == 5 * 256 + 5 * 2 * 4
    assert x.as_input(Format.parse("int8")).size_bytes == 5 * 256 + 5 * 4
    assert x.as_input(Format.parse("fp8")).size_bytes == 5 * 256
    assert x.as_input(Format.plain(DType.BF16)) == x


@pytest.mark.parametrize("name", [*FORMATS, "int4-g32", "int8-g64", "int4-g128-zp"])
def test_a_format_is_read_as_it_is_spelled(name: str) -> None:
    assert str(Format.parse(name)) == name
    assert Format.parse(name) == Format.parse(name)


def test_short_names_stand_for_the_commonest_format() -> None:
    assert {short: Format.parse(short).name for short in SHORT_NAMES} == {"int4": "int4-g128", "fp4": "nvfp4"}


@pytest.mark.parametrize(
    "text", ["int4-g0", "int4-g", "int4-g-1", "int3-g128", "fp8-blocks", "", "bf61", "int4-g128-z"]
)
def test_other_names_are_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown type.*Known: fp32.*mxfp4.*int4-gN"):
        Format.parse(text)
