"""The command as users and scripts run it."""

import csv
import json
import time

import pytest

LLAMA_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 22,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
    "max_position_embeddings": 8192,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}
CONTRACT_KEYS = {
    "model",
    "system",
    "phase",
    "plan",
    "latency_s",
    "tokens_per_s",
    "traffic_bytes",
    "energy_j",
    "memory_bytes",
    "bottleneck",
    "warnings",
    "engine",
    "manifest",
}


def test_run_alone_compares_a_gpu_a_tpu_and_a_wafer_in_prefill_and_decode(process):
    start = time.monotonic()
    done = process("run")
    assert done.code == 0, done.err
    assert time.monotonic() - start < 30  # about 2 s on an idle machine; the README states the measured figure
    for machine in ("nvidia-a100-sxm-80gb:1", "google-tpu-v4-pod:4", "cerebras-cs2:1"):
        rows = [
            line for line in done.out.splitlines() if line.startswith(f"{machine} ") and ":" not in line[len(machine) :]
        ]
        assert len(rows) == 2  # in the table of each phase
        assert f"{machine} decode" in done.out.replace("\n", " ")  # why


def test_a_hugging_face_config_runs_on_eight_h100_with_tensor_parallelism(process, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_CONFIG))
    options = "--on nvidia-dgx-h100 --plan tp=8 --phase decode --batch 32 --context 4096 --json -".split()
    done = process("run", str(tmp_path / "config.json"), *options)
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert set(result) >= CONTRACT_KEYS
    assert set(result["engine"]) >= {"name", "tasks", "wall_s"}
    assert result["plan"]["tp"] == 8
    assert result["phase"] == {"kind": "decode", "batch": 32, "context": 4096, "steps": 1}
    # KV cache per chip: 32 sequences x 4097 tokens x 22 layers x (k + v) x 1 head x 64 x 2 bytes
    assert result["memory_bytes"]["kv_cache"] == 32 * 4097 * 22 * 2 * 1 * 64 * 2
    assert sum(result["time_by_cause_s"].values()) == pytest.approx(result["latency_s"], rel=1e-6)


def test_two_processes_give_the_same_bytes_but_for_wall_time(process):
    def run(seed):
        options = "run gpt2-xl --on nvidia-a100-sxm-80gb --context 512 --json -".split()
        result = json.loads(process(*options, env={"PYTHONHASHSEED": seed, "PATH": ""}).out)
        result["engine"].pop("wall_s")
        return json.dumps(result)

    assert run("1") == run("2")


def test_overrides_change_the_result_and_are_listed_in_the_manifest(accelsim):
    options = "run gpt2-xl --on nvidia-a100-sxm-80gb --context 512 --json -".split()
    plain = json.loads(accelsim(*options).out)
    faster = json.loads(accelsim(*options, "--set", "chip.memories.hbm.bandwidth=4 TB/s").out)
    assert faster["latency_s"] < plain["latency_s"]
    assert faster["manifest"]["overrides"] == {"chip.memories.hbm.bandwidth": "4 TB/s"}
    assert set(plain["manifest"]["inputs"]) == {"gpt2-xl.yaml", "nvidia-a100-sxm-80gb.yaml"}


def test_strict_turns_a_warning_into_a_failure(accelsim):
    options = "run llama3-70b --on nvidia-a100-sxm-80gb --plan tp=1 --ignore-capacity --strict".split()
    done = accelsim(*options)
    assert done.code == 2
    assert done.err.startswith("error: strict: the result carries warnings:\n- capacity-ignored: llama3-70b")


def test_save_writes_the_tables_and_trace_opens_as_chrome_events(accelsim, tmp_path):
    trace = tmp_path / "trace.json"
    options = ("--quiet", "--save", str(tmp_path / "out"), "--trace", str(trace))
    done = accelsim("run", "gpt2-xl", "--on", "nvidia-a100-sxm-80gb", "--context", "512", *options)
    assert (done.code, done.out) == (0, "")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    with (tmp_path / "out" / "operators.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(float(row["time_s"]) for row in rows) == pytest.approx(result["latency_s"], rel=1e-6)
    events = [e for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
    # One stream: the drawn slices, folded ones included, fill the latency.
    assert sum(e["dur"] for e in events) * 1e-6 == pytest.approx(result["latency_s"], rel=1e-6)


def test_compare_puts_every_system_into_one_table(accelsim):
    done = accelsim("compare", "gpt2-xl", "--on", "nvidia-a100-sxm-80gb,nvidia-h100-sxm", "--context", "512")
    assert done.code == 0
    title, _, *rows = done.out.splitlines()[1:5]
    assert title.rstrip() == "decode, batch 1, context 512"
    assert [row.split()[0] for row in rows] == ["nvidia-a100-sxm-80gb:1", "nvidia-h100-sxm:1"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("show models", "llama3-8b"),
        ("show systems", "nvidia-dgx-h100"),
        ("show chips", "cerebras-wse2"),
        ("show topologies", "torus"),
        ("show collectives", "all_reduce/ring"),
        ("show schedules", "1f1b"),
        ("show nvidia-h100-sxm --yaml", "source:"),
        ("show nvidia-h100-sxm", "bf16 989.4 TFLOP/s"),
        ("show nvidia-dgx-h100:16", "16 of nvidia-h100-sxm"),
        ("show llama3-70b", "70.55 billion (70,553,706,496)"),
        ("show gpt-oss-120b", "36,864 beyond the window"),
        ("show eager", "dispatch_s"),
        ("show schema", '"system"'),
        ("show schema chip", '"core_grid"'),
        ("show graph llama3-8b --phase decode", "attn.attention"),
        ("show tasks gpt2-xl --context 100", "mlp.down"),
        ("explain chip.clock", "a frequency, e.g. '1.1 GHz'"),
        ("explain system.levels.link.bandwidth -v", "nvidia-dgx-a100"),
        ("explain plan.region", "ROWSxCOLS"),
        ("explain model.head_dim", "model.head_dim"),
        ("explain idle-chips", "Raise tp or dp"),
    ],
)
def test_show_and_explain_print_what_they_are_asked_for(accelsim, arguments, expected):
    done = accelsim(*arguments.split())
    assert (done.code, done.err) == (0, "")
    assert expected in done.out


def test_help_does_not_load_the_simulator(process):
    done = process("run", "--help")
    assert done.code == 0
    assert "--ignore-capacity" in done.out
