"""Bytes of formats for any shape: fewer bits never take more; shares of ranks are the whole but for begun blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accelsim.dtypes import FORMATS, Format
from accelsim.workload.tensor import Axis, Role, Tensor

formats = st.one_of(
    st.sampled_from(list(FORMATS.values())),
    st.builds(
        lambda bits, group, zero: Format.parse(f"int{bits}-g{group}{zero}"),
        st.sampled_from([4, 8]),
        st.integers(1, 512),
        st.sampled_from(["", "-zp"]),
    ),
)


def weight(format_: Format, rows: int, cols: int) -> Tensor:
    axes = Axis.of("k", rows, is_padded=True), Axis.of("n", cols, is_padded=True)
    return Tensor("w", axes, format_.element, Role.WEIGHT, format_.weights)


@given(formats, st.integers(1, 700), st.integers(1, 700))
def test_a_weight_takes_its_elements_and_no_more_than_a_scale_each(format_: Format, rows: int, cols: int) -> None:
    nbytes = weight(format_, rows, cols).size_bytes
    bare = format_.element.size_bytes(rows * cols)
    assert bare <= nbytes
    if format_.weights is not None:
        assert nbytes <= bare + (rows * cols * format_.weights.bits + format_.weights.once_bits) / 8 + 1


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 300))
def test_larger_groups_and_fewer_bits_never_take_more(rows: int, cols: int, group: int) -> None:
    def nbytes(name: str) -> int:
        return weight(Format.parse(name), rows, cols).size_bytes

    assert nbytes(f"int4-g{2 * group}") <= nbytes(f"int4-g{group}") <= nbytes(f"int4-g{group}-zp")
    assert nbytes(f"int4-g{group}") <= nbytes(f"int8-g{group}")
    assert nbytes("mxfp4") <= nbytes("nvfp4") and nbytes("mxfp4") <= nbytes("mxfp8")


@given(formats, st.integers(1, 300), st.integers(1, 300), st.sampled_from([2, 4, 8]), st.sampled_from(["k", "n"]))
def test_shares_hold_the_whole_and_at_most_a_row_of_blocks_each_more(
    format_: Format, rows: int, cols: int, degree: int, axis: str
) -> None:
    whole = weight(format_, rows * degree, cols * degree)  # divides evenly
    together = degree * whole.shard({axis: degree}).size_bytes
    assert together >= whole.size_bytes - degree  # a rank rounds up to bytes
    scales = format_.weights
    if scales is not None:
        across, block = (cols * degree, scales.cols) if axis == "k" else (rows * degree, scales.rows)
        begun = -(-across // block) if block else 1
        assert together <= whole.size_bytes + degree * (begun * scales.bits + scales.once_bits) / 8 + degree
