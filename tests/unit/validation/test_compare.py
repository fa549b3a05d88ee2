"""Errors by label and size, the table of the documentation, and the packaged index of suites."""

import json
from importlib.resources import files

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.results.plots.picture import save_picture
from accelsim.results.plots.validation import plot_validation
from accelsim.validation import suites as index
from accelsim.validation.compare import MeasuredComparison, series, to_dict
from accelsim.validation.markdown import (
    BEGIN,
    BEGIN_SHORT,
    END,
    END_SHORT,
    recorded_rows,
    recorded_short_rows,
    renewed,
)
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.predict import Note
from accelsim.validation.table import check_table

NAN = float("nan")


def comparison(predicted, measured=None, work=None, labels=None) -> MeasuredComparison:
    count = len(predicted)
    return MeasuredComparison(
        "mine",
        labels or [("chip", "gemm", "bf16")] * count,
        np.array(work or range(count), dtype=float),
        np.array(predicted, dtype=float),
        np.array(measured or [1.0] * count, dtype=float),
        (Note("chip", "gemm", "bf16", 1, True, "why"),),
    )


def test_errors_are_relative_to_the_measured_time() -> None:
    # errors +10 %, -10 %, +30 %, 0 %: mean of sizes 12.5 %, median 10 %, bias +7.5 %
    (row,) = comparison([1.1, 0.9, 2.6, 3.0], [1.0, 1.0, 2.0, 3.0]).rows()
    assert row.summary.mape == pytest.approx(0.125)
    assert row.summary.median == pytest.approx(0.1)
    assert row.summary.bias == pytest.approx(0.075)
    assert row.summary.p90 == pytest.approx(0.24)  # 0.1 + 0.7 x (0.3 - 0.1)


def test_rows_without_a_prediction_are_counted_and_not_averaged() -> None:
    found = comparison([1.0, NAN])
    assert found.num_unpriced == 1
    assert [row.summary.points for row in found.rows()] == [1]
    plain = to_dict([found])
    assert (plain["points"], plain["unpriced"]) == (2, 1)
    assert plain["notes"][0]["text"] == "why"


def test_json_rows_have_exactly_the_keys_scripts_rely_on() -> None:
    plain = json.loads(json.dumps(to_dict([comparison([1.5])])))
    assert plain["rows"] == [
        {"suite": "mine", "hardware": "chip", "op": "gemm", "dtype": "bf16", "points": 1, "mape": 0.5,
         "median_ape": 0.5, "p90_ape": 0.5, "bias": 0.5}
    ]  # fmt: skip


def test_sizes_are_thirds_of_the_points_by_work() -> None:
    found = comparison([1.3, 1.1, 1.2, 1.1, 1.3, 1.2], work=[9, 1, 4, 2, 8, 5]).rows(by_size=True)
    assert [(row.size, row.summary.points) for row in found] == [("small", 2), ("medium", 2), ("large", 2)]
    assert [row.summary.mape for row in found] == pytest.approx([0.1, 0.2, 0.3])


def test_a_picture_names_as_much_as_fits() -> None:
    labels = [(f"chip{i}", f"op{i % 2}", "bf16") for i in range(20)]
    found = comparison([1.0] * 19 + [NAN], labels=labels)
    assert sorted(series([found])) == ["mine op0", "mine op1"]
    assert len(series([found], most=19)) == 19


def test_the_markdown_table_is_read_back_as_it_was_written() -> None:
    text = renewed(f"before\n{BEGIN}\nold\n{END}\nafter\n", [comparison([1.1, 0.9, NAN])], "x.md")
    assert text.startswith("before\n") and text.endswith(f"{END}\nafter\n") and "old" not in text
    assert recorded_rows(text) == {("mine", "chip", "gemm", "bf16"): (2, 10.0, 10.0, 10.0, 0.0)}
    assert "Rows without a prediction: mine 1 of 3." in text


def test_the_short_table_pools_the_chips_of_a_vendor_and_shows_the_span_of_its_rows() -> None:
    labels = [("amd-x", "gemm", "bf16"), ("nvidia-y", "gemm", "bf16"), ("nvidia-z", "batched_gemm", "fp16")]
    found = comparison([1.1, 0.7, 1.1], labels=labels)
    text = renewed(f"a\n{BEGIN_SHORT}\nold\n{END_SHORT}\nz\n", [found], "x.md")
    assert recorded_short_rows(text) == {
        ("mine", "products", "amd (1)"): (1, 10.0, 10.0, 10.0),
        ("mine", "products", "nvidia (2)"): (2, 20.0, 20.0, -10.0),
    }
    assert "10.0 to 30.0" in text
    assert "old" not in text


def test_a_file_without_markers_is_told_which_lines_to_add() -> None:
    with pytest.raises(ConfigError, match=r"x\.md: has no accuracy table\. Put these two lines"):
        renewed("nothing here", [comparison([1.0])], "x.md")


def test_the_plot_leaves_out_what_has_no_prediction(tmp_path) -> None:
    scatter, histogram = plot_validation({"a": ([1.0, NAN], [1.0, 2.0]), "b": ([3.0], [2.0])})
    assert [text.get_text() for text in scatter.get_legend().get_texts()] == ["within 25 %", "a (1)", "b (1)"]
    # errors 0 and +50 %
    assert histogram.get_title(loc="left") == "2 points, MAPE 25.0 %, bias +25.0 %"
    save_picture(scatter, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]


@pytest.mark.parametrize(("name", "said"), [("p.xyz", "no kind of picture"), ("none/p.png", "cannot write")])
def test_a_picture_that_cannot_be_written_says_why(tmp_path, name, said) -> None:
    scatter, _ = plot_validation({"a": ([1.0], [1.0])})
    with pytest.raises(ConfigError, match=said):
        save_picture(scatter, tmp_path / name)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ({"a": ([NAN], [1.0])}, "no point"),
        ({"a": ([1.0], [0.0])}, "not positive"),
        ({"a": ([1.0, 2.0], [1.0])}, "2 predicted, 1 measured"),
    ],
)
def test_the_plot_refuses_what_cannot_be_drawn(points, said) -> None:
    with pytest.raises(ValueError, match=said):
        plot_validation(points)


@pytest.mark.parametrize("name", index.suites())
def test_every_suite_names_its_source_and_has_rows_that_are_measurements(name: str) -> None:
    spec, table = index.suite(name), index.suite_table(name)
    assert spec.source and spec.licence and spec.title
    assert len(table) > 0
    if spec.through == "operators":
        check_table(table, measured=True)
        assert set(spec.calibrates) <= set(table.text("op")) <= set(OPERATIONS)


def test_every_table_of_operators_in_the_package_belongs_to_a_suite() -> None:
    folder = files("accelsim.validation") / "data"
    headers = {entry.name: entry.read_text().partition("\n")[0] for entry in folder.iterdir() if ".csv" in entry.name}
    operators = {name for name, header in headers.items() if {"op", "time_s", "dtype"} <= set(header.split(","))}
    assert operators == {spec.file for spec in index.suites().values() if spec.through == "operators"}


def test_rows_left_out_are_those_the_index_names() -> None:
    table = index.suite_table("vidur_compute")
    pairs = set(zip(table.text("op"), table.text("model"), strict=True))
    assert ("add", "phi-2") not in pairs
    assert ("gemm", "phi-2") in pairs


def test_calibration_rows_are_those_of_the_chip_under_all_its_names() -> None:
    table = index.calibration_table("nvidia-a100-sxm-80gb")
    assert set(table.text("hardware")) == {"nvidia-a100-sxm-80gb", "nvidia-a100-80gb"}
    by_file = {(table.file(row), op) for row, op in enumerate(table.text("op"))}
    assert ("vidur_compute.csv", "rope") in by_file
    assert ("vidur_compute.csv", "gemm") not in by_file  # never fitted, so it stays a test
    with pytest.raises(ConfigError, match="no measurements of 'abacus' are shipped"):
        index.calibration_table("abacus")


def test_an_unknown_suite_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown suite 'tpuv4'\. Known: .*Did you mean 'tpu_v4'"):
        index.run_suites(["tpuv4"])
