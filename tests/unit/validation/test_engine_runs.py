"""Rows of published engine runs are understood, priced by the pipeline, and left out by rules that say why."""

from __future__ import annotations

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.errors import ConfigError
from accelsim.validation.kinds import fastertransformer, serving, trtllm_static
from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import SUITE_KINDS
from accelsim.validation.machines import Machines
from accelsim.validation.runs.compare import MeasuredRun
from accelsim.validation.runs.run import Clock, ran
from accelsim.validation.runs.shape import model_of_shape
from accelsim.validation.suites import suite_table
from accelsim.validation.table import parse_table

SHAPE = {"model": "GPT-350M", "layers": "24", "hidden": "1024", "heads": "16", "ffn": "4096", "vocab": "51200"}
FT_ROW = {
    **SHAPE,
    **{"chip": "A100", "precision": "fp16", "engine": "FasterTransformer", "tp": "1", "pp": "1", "batch": "2"},
    **{"isl": "128", "osl": "9", "latency_ms": "30", "status": "ok"},
}
TRT_ROW = {
    **{**SHAPE, "model": "LLaMA 7B", "layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "32"},
    **{"ffn": "11008", "vocab": "32000", "chip": "H100", "precision": "fp8", "tp": "1", "batch": "1", "isl": "2048"},
    **{"osl": "1", "total_time_s_derived": "", "first_token_latency_ms": "36.0"},
}
LOOP_ROW = {
    **{"source": "x id=a_agg_1024x8192_c16_tp8_ep1_3", "hardware": "nvidia-h100-sxm", "framework": "vllm"},
    **{"model": "meta-llama/Llama-3.1-70B", "gemm_quant": "fp8", "input_tokens": "1024", "output_tokens": "8192"},
    **{"concurrency": "9", "tensor_parallel": "64", "pipeline_parallel": "1", "attention_data_parallel": "1"},
    **{"moe_expert_parallel": "1", "tpot_s": "0.01"},
}


def test_a_whole_run_is_a_prefill_and_a_step_for_each_further_token() -> None:
    found = fastertransformer.read_row(FT_ROW)
    assert isinstance(found, MeasuredRun)
    run, model = found.run, model_of_shape(FT_ROW)
    options = {"profile": run.profile, "dtype": "fp16", "what_ifs": False}
    prefill = simulate(model, "nvidia-dgx-a100:1", Prefill(2, 128), "tp=1", **options).latency_s
    step = simulate(model, "nvidia-dgx-a100:1", Decode(2, 132), "tp=1", **options).latency_s
    assert ran(run).seconds == pytest.approx(prefill + 8 * step, rel=1e-12)
    assert found.measured_s == pytest.approx(0.03)


def test_the_band_of_a_run_spans_its_time_and_grows_with_the_tokens() -> None:
    short = fastertransformer.read_row(FT_ROW)
    long = fastertransformer.read_row({**FT_ROW, "osl": "33"})
    assert isinstance(short, MeasuredRun) and isinstance(long, MeasuredRun)
    first, second = ran(short.run), ran(long.run)
    assert first.band.low_s < first.band.high_s < second.band.high_s
    assert sum(part.time_s for part in first.band.parts) == pytest.approx(first.seconds, rel=1e-6)


def test_first_tokens_are_prefills_alone() -> None:
    found = trtllm_static.read_row(TRT_ROW)
    assert isinstance(found, MeasuredRun)
    assert found.run.clock is Clock.FIRST_TOKEN
    assert [type(phase) for phase, _ in found.run.phases()] == [Prefill]
    assert dict(found.run.types) == {"dtype": "fp8", "kv_dtype": "fp8"}


def test_requests_and_ranks_of_a_closed_loop_are_those_of_its_id() -> None:
    found = serving.read_row(LOOP_ROW)
    assert isinstance(found, MeasuredRun)
    assert (found.run.batch, found.run.plan) == (16, "tp=8")
    assert list(found.run.phases()) == [(Decode(16, 1024 + 4096), 1.0)]


@pytest.mark.parametrize(
    ("read", "row", "why"),
    [
        (fastertransformer.read_row, {**FT_ROW, "status": "OOM", "latency_ms": ""}, "out of memory"),
        (fastertransformer.read_row, {**FT_ROW, "pp": "3"}, "pipeline"),
        (fastertransformer.read_row, {**FT_ROW, "chip": "T4"}, "no system"),
        (trtllm_static.read_row, {**TRT_ROW, "chip": "T4"}, "no system"),
        (serving.read_row, {**LOOP_ROW, "input_tokens": "8192"}, "prefills between the steps"),
        (serving.read_row, {**LOOP_ROW, "attention_data_parallel": "8"}, "attention divided"),
        (serving.read_row, {**LOOP_ROW, "model": "another"}, "no model"),
    ],
)
def test_rows_are_left_out_by_rules_that_say_why(read, row, why) -> None:  # type: ignore[no-untyped-def]
    found = read(row)
    assert isinstance(found, LeftOut)
    assert why in found.why


def test_the_form_of_a_block_follows_from_its_width() -> None:
    llama = model_of_shape({**SHAPE, "model": "LLaMA 7B", "ffn": "2816"})
    gpt = model_of_shape(SHAPE)
    assert (llama.gated_mlp, llama.norm) == (True, "rmsnorm")
    assert (gpt.gated_mlp, gpt.norm) == (False, "layernorm")
    assert model_of_shape({**SHAPE, "model": "GPT-J 6B"}).parallel_block
    assert not gpt.parallel_block


def test_a_file_in_the_columns_of_the_suite_is_compared_and_every_row_accounted_for() -> None:
    rows = [FT_ROW, {**FT_ROW, "pp": "3"}]
    text = "\n".join([",".join(FT_ROW), *(",".join(row.values()) for row in rows)]) + "\n"
    found = SUITE_KINDS.get("fastertransformer")().compare("mine", parse_table(text, "mine.csv"), Machines())
    assert found.num_unpriced == 1
    assert found.rows()[0].op == "FasterTransformer/end_to_end"
    assert any("80 % bands" in note.text for note in found.notes)


def test_a_missing_column_and_a_cell_that_is_no_number_are_named() -> None:
    kind = SUITE_KINDS.get("trtllm_static")()
    with pytest.raises(ConfigError, match="columns missing: model"):
        kind.compare("mine", parse_table("chip\nA100\n", "mine.csv"), Machines())
    text = "\n".join([",".join(TRT_ROW), ",".join({**TRT_ROW, "batch": "many"}.values())]) + "\n"
    with pytest.raises(ConfigError, match=r"mine\.csv:2: .*'many'"):
        kind.compare("mine", parse_table(text, "mine.csv"), Machines())


@pytest.mark.parametrize(
    ("suite", "read"),
    [
        ("inference_fastertransformer_a100", fastertransformer.read_row),
        ("inference_trtllm_static", trtllm_static.read_row),
        ("serving_llm_gpu", serving.read_row),
    ],
)
def test_every_shipped_row_is_understood(suite, read) -> None:  # type: ignore[no-untyped-def]
    table = suite_table(suite)
    rows = [dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)]
    found = [read(row) for row in rows]
    assert all(one.measured_s > 0 for one in found if isinstance(one, MeasuredRun))
    assert sum(isinstance(one, MeasuredRun) for one in found) > 35
