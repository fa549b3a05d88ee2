"""Saved results open again, bit for bit, without the simulator."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from accelsim import Prefill, load_result, simulate
from accelsim.engine.program import Program, run_program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import make_task_graph
from accelsim.errors import ConfigError
from accelsim.mapping.mapped import ServerRoles
from accelsim.results.tables import TABLES


@pytest.fixture(scope="module")
def result():
    return simulate("llama3-8b", "nvidia-dgx-a100:2", Prefill(1, 256), "tp=2", what_ifs=False)


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved")
    result.save(path)
    return path


def test_every_table_and_the_json_come_back_as_they_were(result, folder):
    saved = load_result(folder)
    assert saved.latency_s == result.latency_s
    files = {"tables": saved.data["tables"], "tables_sha256": saved.data["tables_sha256"]}
    assert saved.to_dict() == {**json.loads(json.dumps(result.to_dict())), **files}
    for name in TABLES:
        pd.testing.assert_frame_equal(saved.table(name), result.table(name), check_dtype=False, check_exact=True)


def test_opening_loads_no_simulator(folder):
    code = (
        "import sys; from accelsim import load_result; "
        f"load_result({str(folder)!r}).table('operators'); "
        "print(*[m for m in sys.modules if m.startswith(('accelsim.engine', 'accelsim.pipeline', 'numba', 'simpy'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_json_file_alone_opens_but_has_no_tables(result, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(result.to_dict()))
    saved = load_result(path)
    assert saved.latency_s == result.latency_s
    with pytest.raises(ConfigError, match="holds no tables"):
        saved.table("operators")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "is not the JSON of a run"),
        ("[1]", "is not the JSON of one run: the top level is no object"),
        ('{"model": "x"}', "system, phase, latency_s"),
    ],
)
def test_what_is_no_result_is_refused_in_words(tmp_path, content, message):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_result(path)


def test_a_folder_with_a_table_of_another_save_is_refused(folder, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(folder, mixed)
    load_result(mixed)
    with (mixed / "memory.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(ConfigError, match=r"memory\.csv: is not the table that result\.json was saved with"):
        load_result(mixed)


def test_a_save_that_breaks_off_leaves_the_folder_as_it_was(result, folder, tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    before = {path.name: path.read_bytes() for path in kept.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("accelsim.files._written", full)
    with pytest.raises(OSError, match="No space"):
        result.save(kept)
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("latency_band_s", [], "latency_band_s: "),
        ("latency_band_s", "x", "latency_band_s: "),
        ("latency_band_s", [1.0, "x"], "latency_band_s.1: "),
        ("band", 3, "band: "),
        ("band", {"level": 2}, "band.level: "),
        ("phase", {"kind": "decode", "batch": float("inf")}, "phase.batch: must be a finite number"),
        ("energy", {"anywhere": [0.0, float("nan")]}, "energy.anywhere.1: must be a finite number"),
    ],
)
def test_a_damaged_result_is_refused_with_the_key(result, tmp_path, key, value, said):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**result.to_dict(), key: value}))
    with pytest.raises(ConfigError, match=f"run.json: is not the JSON of one run: {said}"):
        load_result(path)


def test_a_table_outside_the_folder_is_not_opened(folder, tmp_path):
    data = json.loads((folder / "result.json").read_text())
    (tmp_path / "inner").mkdir()
    data["tables"]["operators"] = "../secret.csv"
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "inner" / "result.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="is missing"):
        load_result(tmp_path / "inner").table("operators")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_are_saved_in_the_form_asked_for_and_read_back_alike(result, tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    result.save(tmp_path, "csv" if kind == "parquet" else "auto")  # what an earlier save left in the other form goes
    result.save(tmp_path, kind)
    assert {path.suffix for path in tmp_path.iterdir()} == {f".{kind}", ".json"}
    saved = load_result(tmp_path)
    for name in TABLES:
        pd.testing.assert_frame_equal(saved.table(name), result.table(name), check_dtype=False, check_exact=True)


def test_an_unknown_form_of_tables_is_refused(result, tmp_path):
    with pytest.raises(ConfigError, match=r"no format 'xlsx'\. Known: auto, csv, parquet"):
        result.save(tmp_path, "xlsx")


def test_a_million_tasks_are_saved_in_seconds(result, tmp_path):
    pytest.importorskip("pyarrow")
    size, ops = 1_000_000, len(result.mapped.blocks[0].operators)
    graph = make_task_graph(
        size,
        servers=100,
        server=np.arange(size) % 100,
        work_ticks=10**6,
        nbytes=1000,
        route_link=np.arange(size) % 50,
        capacity_bytes_per_s=[1e12] * 50,
        labels=[f"op{i}" for i in range(ops)],
        label=np.arange(size) % ops,
    )
    program = Program.of(Stage(graph, 1, "large"))
    timeline = run_program(program)
    mapped = replace(result.mapped, program=program, blocks=result.mapped.blocks[:1], servers=ServerRoles())
    ledger = replace(result.ledger, critical=())
    large = replace(result, mapped=mapped, timeline=timeline, ledger=ledger, latency_s=timeline.makespan_s)
    start_s, start_cpu_s = time.monotonic(), time.process_time()
    large.save(tmp_path)
    took_s, cpu_s = time.monotonic() - start_s, time.process_time() - start_cpu_s
    print(f"saved in {took_s:.1f} s, {cpu_s:.1f} s of processor time")
    assert min(took_s, cpu_s) < 3.0  # of processor time where other jobs hold the cores
    assert len(load_result(tmp_path).table("tasks")) == size
