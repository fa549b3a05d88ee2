"""Measured tables: what is read, what is refused, and where the complaint points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.validation.table import Table, check_table, joined, parse_table, read_table

HEADER = "hardware,op,dtype,m,n,k,time_s,timing\n"
GOOD = "nvidia-a100-sxm-80gb,gemm,bf16,16,32,64,1e-5,cuda_graph_event\n"


def complaint(text: str, *, measured: bool = True, hardware: bool = True) -> str:
    with pytest.raises(ConfigError) as caught:
        check_table(parse_table(text, "my.csv"), measured=measured, hardware=hardware)
    return str(caught.value)


def test_a_good_table_passes_and_knows_its_numbers() -> None:
    table = parse_table(HEADER + GOOD, "my.csv")
    check_table(table, measured=True)
    assert {name: v.tolist() for name, v in table.extents("gemm", np.array([0])).items()} == {
        "m": [16.0],
        "n": [32.0],
        "k": [64.0],
        "batch": [1.0],  # no such column: one product
    }


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("12x", "'12x' is not a whole number of at least 1"),
        ("-4", "'-4' is not a whole number of at least 1"),
        ("0", "'0' is not a whole number of at least 1"),
        ("1.5", "'1.5' is not a whole number of at least 1"),
        ("nan", "'nan' is not a whole number of at least 1"),
        ("inf", "'inf' is not a whole number of at least 1"),
        ("", "blank; expected a whole number of at least 1"),
    ],
)
def test_a_bad_extent_is_named_by_file_line_and_column(cell: str, said: str) -> None:
    assert complaint(HEADER + GOOD + GOOD.replace(",32,", f",{cell},")) == f"my.csv:3:n: {said}."


@pytest.mark.parametrize("cell", ["0", "-1e-6", "fast", "nan", "inf"])
def test_a_measured_time_must_be_positive(cell: str) -> None:
    text = complaint(HEADER + GOOD.replace("1e-5", cell))
    assert text == f"my.csv:2:time_s: {cell!r} is not a positive number of seconds."


def test_a_whole_number_may_be_written_as_a_float() -> None:
    check_table(parse_table(HEADER + GOOD.replace(",32,", ",32.0,")), measured=True)


def test_missing_columns_are_all_named_with_those_that_are_there() -> None:
    text = complaint("op,m\ngemm,1\n")
    assert text.splitlines() == [
        "my.csv:1: column 'hardware' is missing. Columns here: op, m.",
        "my.csv:1: column 'dtype' is missing. Columns here: op, m.",
        "my.csv:1: column 'time_s' is missing. Columns here: op, m.",
    ]


def test_a_column_that_only_some_operators_need_is_asked_for_once() -> None:
    rows = "a,gemm,bf16,1,2,1e-6\na,gemm,fp16,1,2,1e-6\na,add,fp16,1,2,1e-6\n"
    text = complaint("hardware,op,dtype,m,n,time_s\n" + rows)
    assert text == "my.csv:1: column 'k' is missing; rows of gemm need m, n, k."


def test_an_unknown_operator_or_type_suggests_the_nearest() -> None:
    text = complaint(HEADER + GOOD.replace("gemm", "gem").replace("bf16", "bf61"))
    first, second = text.splitlines()
    assert first.startswith("my.csv:2:dtype: unknown type 'bf61'. Known: fp32, tf32, bf16")
    assert first.endswith("Did you mean 'bf16'?")
    assert second.startswith("my.csv:2:op: unknown operator 'gem'. Known: attention_decode,")
    assert second.endswith("Did you mean 'gemm'?")


def test_a_blank_hardware_is_a_complaint_only_when_the_column_decides() -> None:
    rows = HEADER + GOOD.replace("nvidia-a100-sxm-80gb", "")
    assert complaint(rows) == "my.csv:2:hardware: blank. Name a chip or a system."
    check_table(parse_table(rows), measured=True, hardware=False)


def test_more_than_twenty_problems_are_counted_not_listed() -> None:
    text = complaint(HEADER + GOOD.replace(",16,", ",-1,") * 25)
    assert len(text.splitlines()) == 21
    assert text.endswith("... and 5 more.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "my.csv:1: no column names."),
        ("a,b\n", "my.csv: no rows after the header."),
        ("a,a\n1,2\n", "my.csv:1: column 'a' occurs twice."),
        ("a,b\n1,2\n1\n", "my.csv:3: 1 cells, but the header has 2 columns."),
        ('a,b\n"1,2\n', "my.csv:2: not a CSV row"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        parse_table(text, "my.csv")


def test_a_file_that_cannot_be_read_says_why(tmp_path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"a\n\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.csv:2: not UTF-8"):
        read_table(tmp_path / "latin.csv")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path) -> None:
    path = tmp_path / "bom.csv"
    path.write_bytes(b"\xef\xbb\xbfop\ngemm\n")
    assert list(read_table(path).columns) == ["op"]


@given(st.lists(st.lists(st.text(alphabet='ab,"\n 1', min_size=0, max_size=5), min_size=2, max_size=2), min_size=1))
def test_a_table_written_and_read_again_is_the_same(cells: list[list[str]]) -> None:
    table = Table("t", {"x": [a for a, _ in cells], "y": [b for _, b in cells]}, list(range(len(cells))))
    assert parse_table(table.csv()).columns == table.columns


def test_joined_tables_keep_the_file_and_line_of_each_row() -> None:
    first, second = parse_table("op,m\nadd,1\nadd,2\n", "a.csv"), parse_table("op,n\nadd,3\n", "b.csv")
    both = joined([first, second])
    assert both.columns == {"op": ["add"] * 3, "m": ["1", "2", ""], "n": ["", "", "3"]}
    assert [both.where(row, "m") for row in range(3)] == ["a.csv:2:m", "a.csv:3:m", "b.csv:2:m"]
    assert both.take([2]).where(0, "n") == "b.csv:2:n"


def test_rows_whose_kernel_is_of_a_second_library_are_an_operator_of_their_own() -> None:
    header = "hardware,op,dtype,kernel,m\n"
    rows = [f"b200,{op},bf16,{kernel},1\n" for op, kernel in (("moe", "a_trtllm_b"), ("moe", "a_cutlass_b"))]
    table = parse_table(header + "".join(rows) + "b200,gemm,bf16,a_cutlass_b,1\n", "my.csv")
    assert [op for _, op, _, _ in table.groups()] == ["moe", "moe_cutlass", "gemm"]
