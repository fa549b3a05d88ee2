"""``cost``, ``validate`` and ``calibrate``: what scripts rely on, and what bad input is told."""

import csv
import io
import json
from importlib.resources import files
from importlib.util import find_spec

import pytest

A100 = "nvidia-a100-sxm-80gb"
HEADER = "source,hardware,op,dtype,m,n,k,time_s,timing,split\n"
ROWS = (
    f"here,{A100},gemm,bf16,4096,4096,4096,5.5e-4,cuda_graph_event,dev\n"
    f'"a, b",{A100},add,fp16,64,1024,,3e-6,gpu_kernel_time_sum,dev\n'
    "there,abacus,add,fp16,64,1024,,3e-6,gpu_kernel_time_sum,dev\n"
)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + ROWS)
    return path


def refused(outcome):
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err
    assert outcome.err.startswith("error: ")
    return outcome.err.removeprefix("error: ").rstrip("\n")


def test_cost_keeps_columns_and_order_and_adds_one(accelsim, table):
    done = accelsim("cost", "--data", "mine.csv")
    assert done.code == 0
    given, found = (list(csv.DictReader(io.StringIO(text))) for text in (HEADER + ROWS, done.out))
    assert [{name: row[name] for name in given[0]} for row in found] == given
    assert list(found[0])[-1] == "predicted_s"
    assert [bool(row["predicted_s"]) for row in found] == [True, True, False]
    assert "abacus: 1 row without a prediction" in done.err
    assert "1 of 3 rows have no prediction" in done.err


def test_cost_prices_every_row_on_the_chip_named(accelsim, table):
    done = accelsim("cost", "--chip", "nvidia-h100-sxm", "--data", "mine.csv", "-o", "out.csv")
    assert (done.code, done.out) == (0, "")
    found = list(csv.DictReader((table.parent / "out.csv").open()))
    assert found[1]["predicted_s"] == found[2]["predicted_s"] != ""


def test_cost_follows_an_override_of_the_chip(accelsim, table):
    def memory_bound(*options):
        (table.parent / "add.csv").write_text("op,dtype,m,n\nadd,fp16,65536,8192\n")
        done = accelsim("cost", "--chip", A100, "--data", "add.csv", *options)
        return float(done.out.splitlines()[1].split(",")[-1])

    # At a tenth of its bandwidth and less, nothing but the memory counts.
    slow, slower = (memory_bound("--set", f"chip.memories.hbm.bandwidth={rate} GB/s") for rate in (200, 100))
    assert slower == pytest.approx(2 * slow, rel=0.02)
    assert slow > 5 * memory_bound()


def test_cost_accepts_a_table_without_hardware_only_with_a_chip(accelsim, table):
    (table.parent / "bare.csv").write_text("op,dtype,m,n\nadd,fp16,64,64\n")
    assert accelsim("cost", "--chip", A100, "--data", "bare.csv").code == 0
    assert refused(accelsim("cost", "--data", "bare.csv")).startswith("bare.csv:1: column 'hardware' is missing.")


def test_nothing_is_written_when_a_cell_is_bad(accelsim, table):
    table.write_text(HEADER + ROWS.replace("4096,4096,4096", "4096,-4096,4096"))
    text = refused(accelsim("cost", "--data", "mine.csv", "-o", "out.csv"))
    assert text == "mine.csv:2:n: '-4096' is not a whole number of at least 1."
    assert not (table.parent / "out.csv").exists()


def test_strict_refuses_rows_without_a_prediction(accelsim, table):
    assert "abacus: 1 row without" in refused(accelsim("cost", "--strict", "--data", "mine.csv"))
    assert "data: abacus: 1 row without" in refused(accelsim("validate", "--strict", "--data", "mine.csv"))


def test_validate_gives_json_of_ones_own_measurements(accelsim, table):
    done = accelsim("validate", "--data", "mine.csv", "--json", "-")
    assert done.code == 0
    found = json.loads(done.out)
    keys = {"suite", "hardware", "op", "dtype", "points", "mape", "median_ape", "p90_ape", "bias"}
    assert [set(row) for row in found["rows"]] == [keys, keys]
    assert {(row["suite"], row["hardware"], row["op"]) for row in found["rows"]} == {
        ("data", A100, "gemm"),
        ("data", A100, "add"),
    }
    assert (found["points"], found["unpriced"]) == (3, 1)
    gemm = next(row for row in found["rows"] if row["op"] == "gemm")
    # 2 x 4096^3 FLOPs in 0.55 ms are 250 TFLOP/s, 80 % of the peak: what this chip does with large products
    assert gemm["mape"] == abs(gemm["bias"]) < 0.2


def test_validate_runs_the_suites_named_and_shows_sizes(accelsim):
    done = accelsim("validate", "tpu_v4", "llmcompass", "-v")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("google-tpu-v4") >= 3 * (1 + 3)  # three operators, each once and in three sizes
    for word in ("points", "MAPE", "median", "p90", "bias", "small", "medium", "large", "softmax"):
        assert word in done.out


def test_validate_prints_markdown_and_renews_it_in_a_file(accelsim, table):
    from accelsim.validation.markdown import BEGIN, END, recorded_rows

    page = table.parent / "page.md"
    page.write_text(f"# Title\n{BEGIN}\n{END}\ntail\n")
    done = accelsim("validate", "tpu_v4", "--markdown", "--update", "page.md")
    assert done.code == 0
    assert done.out in page.read_text()
    assert page.read_text().startswith("# Title\n")
    assert ("tpu_v4", "google-tpu-v4", "add", "fp16") in recorded_rows(page.read_text())


def test_validate_draws_a_picture(accelsim, table):
    assert accelsim("validate", "tpu_v4", "--plot", "p.png").code == 0
    assert (table.parent / "p.png").read_bytes().startswith(b"\x89PNG")


def test_validate_lists_suites_with_source_and_licence(accelsim):
    done = accelsim("validate", "--list")
    assert "aiconfigurator_gemm  Products in vLLM's linear layers. ai-dynamo/aiconfigurator@095f58a (Apache-2.0)" in (
        done.out
    )


def test_an_unknown_suite_is_told_before_anything_runs(accelsim):
    assert refused(accelsim("validate", "tpu_v4", "tpu_v5")).startswith("unknown suite 'tpu_v5'. Known: ")


def test_a_misspelt_type_is_told_where_it_stands(accelsim, table):
    table.write_text(HEADER + ROWS.replace("bf16", "bfloat16"))
    text = refused(accelsim("validate", "--data", "mine.csv"))
    assert text.startswith("mine.csv:2:dtype: unknown type 'bfloat16'. Known: fp32, ")


def test_a_table_of_unknown_hardware_alone_is_refused(accelsim, table):
    table.write_text(HEADER + ROWS.replace(A100, "abacus"))
    text = refused(accelsim("validate", "--data", "mine.csv"))
    assert text == (
        "mine.csv: no row can be priced:\n"
        "- abacus: 3 rows without a prediction: no chip or system of that name is described."
    )


def test_calibrate_writes_a_chip_that_runs(accelsim, table):
    done = accelsim("calibrate", "google-tpu-v4", "-o", "tpu.yaml", "--folds", "0")
    assert (done.code, done.err) == (0, "")
    assert "rows that disagree most" in done.out
    assert "tpu_v4_ops.csv:" in done.out
    text = (table.parent / "tpu.yaml").read_text()
    assert 'extends: "google-tpu-v4"' in text
    assert "sha256" in text
    (table.parent / "add.csv").write_text("op,dtype,m,n\nadd,fp16,256,256\n")
    mine, shipped = (
        accelsim("cost", "--chip", chip, "--data", "add.csv").out for chip in ("tpu.yaml", "google-tpu-v4")
    )
    numbers = [float(text.splitlines()[1].split(",")[-1]) for text in (mine, shipped)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.01)


def test_calibrate_with_too_few_rows_writes_nothing(accelsim, table):
    table.write_text("op,dtype,m,n,time_s\nadd,fp16,64,64,1e-6\n")
    text = refused(accelsim("calibrate", A100, "--data", "mine.csv", "-o", "out.yaml"))
    assert text.startswith("mine.csv: 1 rows of elementwise cannot determine 4 numbers and an error.")
    assert not (table.parent / "out.yaml").exists()


def test_calibrate_checks_the_folder_before_it_fits(accelsim, table):
    text = refused(accelsim("calibrate", A100, "-o", "none/out.yaml"))
    assert text == "none/out.yaml: the folder none does not exist. Make it, or choose another."


def test_the_command_ends_with_exit_code_2_where_there_is_no_gpu(accelsim, tmp_path):
    done = accelsim("measure", "nvidia-h100-sxm", "-o", str(tmp_path / "mine.csv"))
    assert done.code == 2
    assert "measure: PyTorch" in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("torch") is not None, reason="says what is missing where PyTorch is")
def test_measure_says_that_there_is_no_gpu_before_it_asks_for_anything(accelsim):
    done = accelsim("measure")
    assert (done.code, done.out) == (2, "")
    assert "measure: PyTorch is not installed" in done.err


def test_a_suite_takes_a_file_in_its_own_columns_and_sums_it_up(accelsim, table):
    shipped = (files("accelsim.validation") / "data" / "attention_memory.csv").read_text().splitlines(keepends=True)
    table.write_text("".join(shipped[:3]))
    done = accelsim("validate", "attention_memory", "--data", "mine.csv", "--json", "-")
    assert done.code == 0
    (total,) = json.loads(done.out)["suites"]
    assert (total["suite"], total["points"]) == ("attention_memory", 2)
    assert total["mape"] == pytest.approx(abs(total["bias"])) and total["median_ape"] < 0.1


def test_a_file_is_in_the_columns_of_one_suite_only(accelsim, table):
    text = refused(accelsim("validate", "attention_memory", "waferllm", "--data", "mine.csv"))
    assert text == "--data: one suite says what the columns of the file are, got attention_memory, waferllm."


def test_a_line_of_a_suites_file_with_a_comma_too_many_is_left_out_and_named(accelsim, table):
    shipped = (files("accelsim.validation") / "data" / "attention_memory.csv").read_text().splitlines(keepends=True)
    table.write_text("".join([*shipped[:3], shipped[3].rstrip("\n") + ", as printed\n"]))
    done = accelsim("validate", "attention_memory", "--data", "mine.csv", "--json", "-")
    found = json.loads(done.out)
    assert (done.code, found["points"]) == (0, 2)
    assert [note["text"] for note in found["notes"]] == [
        "left out: mine.csv:4 and its like have another number of cells than columns"
    ]
    assert found["notes"][0]["points"] == 1


def test_calibrate_profile_names_profiles_that_have_runs(accelsim):
    text = refused(accelsim("calibrate-profile", "jax"))
    assert "no suite has runs with the profile 'jax'" in text
    assert "fastertransformer" in text


def test_calibrate_profile_checks_the_folder_and_the_gaps_before_it_fits(accelsim):
    assert "the folder none does not exist" in refused(accelsim("calibrate-profile", "vllm-v1", "-o", "none/out.yaml"))
    assert "unknown gap 'layers'" in refused(accelsim("calibrate-profile", "vllm-v1", "--free", "layers"))


def test_a_framework_s_gaps_are_in_the_result(accelsim):
    where = ("--on", "nvidia-dgx-a100:1", "--context", "512", "--profile", "fastertransformer")
    done = accelsim("run", "llama3-8b", *where, "--json", "-")
    assert done.code == 0, done
    rows = [row for row in json.loads(done.out)["operators"] if row["kind"] == "framework"]
    assert sum(row["time_s"] for row in rows) == pytest.approx(34 * 54.25e-6 + 46.91e-6, rel=0.01)
