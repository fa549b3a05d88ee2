"""Tables of collectives between nodes: machines by their words, rows left out by rule, forced algorithms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.suites import run_suite

HEADER = (
    "system,gpus_per_node,nodes,nic_count_x_gbit_s_per_node,op,algorithm,dtype,message_bytes,time_us,algbw_gb_s,"
    "busbw_gb_s,source,quality,busbw_check,note\n"
)
TREE = "H100 5-node,8,5,4x400 (RoCE),all_reduce,Tree,float,1073741824,13958,77,150,s,busbw only,ok,\n"


def compared(tmp_path: Path, rows: str) -> MeasuredComparison:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + rows)
    return run_suite("collectives_between_nodes", data=path)


def test_a_forced_algorithm_is_priced_and_reported_as_itself(tmp_path: Path) -> None:
    found = compared(tmp_path, TREE + TREE.replace("Tree", "Ring").replace("13958", "11020"))
    assert [label[1] for label in found.labels] == ["all_reduce/Tree", "all_reduce/Ring"]
    assert found.predicted_s == pytest.approx(found.measured_s, rel=0.1)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("4x400 (RoCE)", "unknown", "ports of a node are not stated"),
        ("busbw only", "latency floor", "smallest time of a sweep"),
        ("ok,", "ok,looks like cold start", "cold start"),
        ("1073741824", "", "blank"),
        ("H100", "H20", "no system of that chip"),
    ],
)
def test_rows_that_are_no_measurement_of_a_call_are_left_out_and_listed(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    found = compared(tmp_path, TREE.replace(old, new))
    assert np.isnan(found.predicted_s).all()
    assert [note.points for note in found.notes if note.unpriced and why in note.text] == [1]


def test_ports_that_chips_share_halve_what_each_has(tmp_path: Path) -> None:
    rows = TREE.replace("Tree", "Ring")
    found = compared(tmp_path, rows.replace("4x400", "2x400") + rows)
    assert found.predicted_s[0] == pytest.approx(2 * found.predicted_s[1], rel=0.05)


def test_a_table_without_the_ports_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("system,op,time_us\nH100,all_reduce,1\n")
    with pytest.raises(ConfigError, match=r"columns missing: gpus_per_node, nodes, nic_count"):
        run_suite("collectives_between_nodes", data=path)


def test_every_algorithm_is_within_a_fifth_and_all_within_fifteen_percent() -> None:
    found = run_suite("collectives_between_nodes")
    known = ~np.isnan(found.predicted_s)
    errors = np.abs(found.predicted_s / found.measured_s - 1)
    assert known.sum() >= 580
    assert errors[known].mean() < 0.15
    for op in {label[1] for label, here in zip(found.labels, known, strict=True) if here}:
        mine = np.array([label[1] == op for label in found.labels]) & known
        assert errors[mine].mean() < 0.2, op
