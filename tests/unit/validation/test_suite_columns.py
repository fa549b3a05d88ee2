"""A file given to ``accelsim validate SUITE --data``: other columns and odd cells are said by every kind of suite."""

from dataclasses import replace

import pytest

from accelsim.errors import ConfigError
from accelsim.validation.kinds.base import SUITE_KINDS
from accelsim.validation.suites import run_suite, suite_table, suites

#: The first suite of each kind.
FIRST = {spec.through: name for name, spec in reversed(suites().items())}
OTHER = "colour,mass\nred,3\n"


def test_every_kind_has_a_suite():
    assert set(FIRST) == set(SUITE_KINDS.names())


@pytest.mark.parametrize("kind", sorted(FIRST))
def test_a_file_in_other_columns_is_refused_with_what_is_missing(kind, tmp_path):
    (tmp_path / "mine.csv").write_text(OTHER)
    with pytest.raises(ConfigError, match=r"mine\.csv:1: .*(missing|no column)"):
        run_suite(FIRST[kind], data=tmp_path / "mine.csv")


@pytest.mark.parametrize(
    ("kind", "column", "cell", "text"),
    [
        ("pipeline", "layers", "many", "mine.csv:2: invalid literal"),
        ("pipeline", "dtype", "fp99", "mine.csv:2: unknown element type 'fp99'"),
        ("pipeline", "phase", "training", "mine.csv:2: unknown phase 'training'"),
        ("pipeline", "prefill_grid", "", "mine.csv:2: prefill_grid: no rectangle of cores"),
        ("memory", "q_len", "", "mine.csv:2:q_len: expected a number of at least 1"),
        ("cycles", "N", "0", "mine.csv:2:N: expected a number of at least 1"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_told_by_its_line(kind, column, cell, text, tmp_path):
    table = suite_table(FIRST[kind]).take([0])
    (tmp_path / "mine.csv").write_text(table.with_column(column, [cell]).csv())
    with pytest.raises(ConfigError) as refused:
        run_suite(FIRST[kind], data=tmp_path / "mine.csv")
    assert text in str(refused.value)


def test_a_column_that_no_row_reads_may_be_absent(tmp_path):
    table = suite_table("aic_comm").take([0])
    assert table.text("nccl_dtype") == ["int8"]
    kept = {name: cells for name, cells in table.columns.items() if name != "allreduce_dtype"}
    (tmp_path / "mine.csv").write_text(replace(table, columns=kept).csv())
    assert run_suite("aic_comm", data=tmp_path / "mine.csv").labels == [("nvidia-a100-sxm-80gb", "all_gather", "int8")]
