"""Inputs of the fuzzer: a command line and the files it reads, a mutation of valid ones, decided by seed and number."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from values import dumped, hostile, mutate_bytes, mutate_tree, mutate_word, written

from accelsim.config.loader import load_document

ROOT = Path(__file__).parents[2]
CHIPS = ROOT / "hw_configs" / "chips"
SYSTEMS = ROOT / "hw_configs" / "systems"
OPTICS = ROOT / "hw_configs" / "optics"
MODELS = ROOT / "workloads" / "models"
CONFIGS = ROOT / "tests" / "data" / "hf"
INPUTS = ROOT / "tests" / "data" / "inputs"
#: Machines that run quickly, of every cost model and topology.
MACHINES = (
    "nvidia-a100-sxm-80gb", "nvidia-h100-sxm", "nvidia-b200-sxm", "nvidia-v100-sxm-32gb", "amd-mi300x",
    "google-tpu-v4-pod:4", "google-tpu-v5e-pod:2x2", "cerebras-cs2", "cerebras-cs3", "graphcore-pod16:4", "sram-array",
    "nvidia-dgx-a100:2", "nvidia-dgx-h100:16", "nvidia-gb200-nvl72:4", "groq-node:2", "graphcore-bow",
)  # fmt: skip
PHASES = (
    ["--phase", "decode", "--batch", "3", "--context", "100"],
    ["--prompt", "64"],
    ["--phase", "decode", "--context", "7", "--steps", "20"],
    ["--spans", "1+100x4,64+32,30..."],
    ["--prompt", "100", "--batch", "2", "--dtype", "fp8"],
)
PLANS = (
    "tp=1", "tp=2", "dp=2", "auto", "tp=2,dp=2", "pp=2,microbatches=2", "region=360x360", "tp=2,ep=2", "order=dp-tp-pp",
    "execution=weight_streaming", "tp=4,ranks=annealing", "execution=spatial,granularity=layer",
)  # fmt: skip
FLAGS = {
    "--batch": "3", "--context": "100", "--steps": "20", "--prompt": "64", "--spans": "1+100x4,64+32", "--dtype": "fp8",
    "--weights-dtype": "int4-g128", "--kv-dtype": "fp8", "--reduce-dtype": "fp32", "--attention": "standard",
    "--profile": "eager", "--routing": "1.3", "--engine": "simpy", "--seed": "3", "--library": "vllm",
    "--price-per-chip-hour": "2.5", "--grid-gco2-per-kwh": "300", "--placer": "snake", "--on": "nvidia-dgx-h100:2",
}  # fmt: skip


@dataclass(frozen=True)
class Input:
    """One input.

    Attributes:
        kind: The way in which it was made.
        arguments: Of the command.
        files: Content by name, to be written into the folder in which the command runs.
    """

    kind: str
    arguments: list[str]
    files: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}: accelsim {' '.join(map(_short, self.arguments))}"


def _short(word: str) -> str:
    return ascii(word) if len(word) < 200 else f"{word[:60]!a}...({len(word)})"


def make_input(seed: int, number: int) -> Input:
    """The input of that number; equal for equal seeds."""
    rng = random.Random(f"{seed}:{number}")
    kind = KINDS[number % len(KINDS)]
    return kind(rng)


def _run(rng: random.Random, model: str = "llama3-8b", on: str = "") -> list[str]:
    return ["run", model, "--on", on or rng.choice(MACHINES), *rng.choice(PHASES), *_often(rng, "--ignore-capacity")]


def _often(rng: random.Random, *words: str) -> list[str]:
    return list(words) if rng.random() < 0.7 else []


def _damaged(rng: random.Random, path: Path, name: str = "") -> tuple[str, bytes]:
    """A name and the content of a file that was mutated as a tree, or now and then as bytes."""
    name = name or f"mine{path.suffix}"
    content = path.read_bytes()
    if rng.random() < 0.12:
        return name, mutate_bytes(rng, content)
    tree = json.loads(content) if path.suffix == ".json" else yaml.safe_load(content)
    mutate_tree(rng, tree)
    return name, dumped(tree, name)


def _pick(rng: random.Random, folder: Path, pattern: str = "*.yaml") -> Path:
    return rng.choice(sorted(folder.glob(pattern)))


def chip_file(rng: random.Random) -> Input:
    name, content = _damaged(rng, _pick(rng, CHIPS))
    return Input("chip", [*_run(rng, on=name), "--plan", "tp=1"], {name: content})


def system_file(rng: random.Random) -> Input:
    name, content = _damaged(rng, _pick(rng, SYSTEMS))
    chips = rng.choice(("", ":2", ":4", ":8", ":2x2"))
    run = _run(rng, on=name + chips)
    collective = ["collective", rng.choice(("all_reduce", "all_to_all", "send_recv")), "--on", name + chips]
    return Input("system", rng.choice((run, collective)), {name: content})


def model_file(rng: random.Random) -> Input:
    name, content = _damaged(rng, _pick(rng, MODELS))
    return Input("model", _run(rng, name), {name: content})


def config_file(rng: random.Random) -> Input:
    paths = [*CONFIGS.glob("*/config.json"), *INPUTS.glob("[!rb]*.json"), *INPUTS.glob("*/config.json")]
    name, content = _damaged(rng, rng.choice(sorted(paths)), "config.json")
    return Input("config", _run(rng, name), {name: content})


def graph_file(rng: random.Random) -> Input:
    system = yaml.safe_load((INPUTS / "graph8.yaml").read_text())
    links = (INPUTS / "cluster.txt").read_bytes()
    files = {"cluster.txt": links, "graph8.yaml": dumped(system, "graph8.yaml")}
    kind = rng.random()
    if kind < 0.3:
        files["cluster.txt"] = mutate_bytes(rng, links)
    elif kind < 0.7:
        lines = links.decode().splitlines()
        at = rng.randrange(len(lines))
        words = lines[at].split() or [""]
        words[rng.randrange(len(words))] = written(hostile(rng, rng.choice(words))).replace("\x00", "0")
        files["cluster.txt"] = "\n".join([*lines[:at], " ".join(words), *lines[at + 1 :]]).encode()
    else:
        mutate_tree(rng, system)
        files["graph8.yaml"] = dumped(system, "graph8.yaml")
    call = ["collective", rng.choice(("all_reduce", "send_recv", "all_gather")), "--on", "graph8.yaml:8"]
    return Input("graph", rng.choice((call, [*_run(rng, on="graph8.yaml:8"), "--plan", "tp=8"])), files)


def optics_file(rng: random.Random) -> Input:
    name, content = _damaged(rng, OPTICS / rng.choice(("teraphy-like.yaml", "cwdm4-bidi.yaml", "passage-like.yaml")))
    command = rng.choice((["budget", name], ["energy", name], ["budget", name, "--length", "40m"]))
    return Input("optics", ["optics", *command], {name: content})


def case_file(rng: random.Random) -> Input:
    tree: dict[str, Any] = {
        "schema_version": 1, "kind": "case", "model": "llama3-8b", "system": rng.choice(MACHINES), "plan": "tp=1",
        "phase": {"kind": "decode", "batch": 3, "context": 100, "steps": 2}, "seed": 1, "routing": "random",
        "overrides": {"chip.launch": "2 us"}, "dtype": "bf16", "engine": "auto", "ignore_capacity": True,
    }  # fmt: skip
    mutate_tree(rng, tree)
    return Input("case", ["run", "case.yaml"], {"case.yaml": dumped(tree, "case.yaml")})


def result_file(rng: random.Random) -> Input:
    good = (INPUTS / "result.json").read_bytes()
    name, content = _damaged(rng, INPUTS / "result.json", "damaged.json")
    command = rng.choice((["diff", name, "result.json"], ["diff", "result.json", name, "-v"], ["run", name]))
    return Input("result", command, {name: content, "result.json": good})


@cache
def _paths(machine: str) -> tuple[str, ...]:
    folder = CHIPS if (CHIPS / f"{machine}.yaml").exists() else SYSTEMS
    return tuple(load_document(folder / f"{machine}.yaml").value_paths())


#: Overrides of whole sections and lists, each with a machine that has them.
SETTINGS = (
    ("google-tpu-v4-pod:4x4x4", "system.levels.ici.faults", [{"src": 0, "dst": 1, "capacity_fraction": 0.5}]),
    ("google-tpu-v4-pod:4x4x4", "system.levels.ici.size", [4, 4, 4]),
    ("google-tpu-v4-pod:2x2", "system.levels.ici.extents", [1, 2, 4]),
    ("nvidia-dgx-h100:8", "system.levels.nvlink.size", 8),
    ("nvidia-dgx-h100:16", "system.levels.infiniband.options", {"uplinks": 2, "seed": 1}),
    ("nvidia-dgx-h100:4", "system.levels.nvlink.topology", "ring"),
    ("nvidia-a100-sxm-80gb", "chip.calibration.gemm.tile_rows", [64, 128]),
    ("nvidia-a100-sxm-80gb", "chip.core_grid", [1, 108]),
    ("cerebras-cs2", "chip.dead_tiles", [[0, 0], [3, 4]]),
    ("sram-array", "chip.core_grid", [64, 64]),
    ("sram-array", "chip.noc.dead_links", [[[0, 0], [0, 1]]]),
)


def setting(rng: random.Random) -> Input:
    machine, path, value = rng.choice(SETTINGS)
    tree = {"value": copy.deepcopy(value)}
    mutate_tree(rng, tree)
    stated = f"{path}={written(tree.get('value', value))}".replace("\x00", "0")
    plan = rng.choice(("tp=1", "tp=2", "tp=4", "auto"))
    return Input("setting", [*_run(rng, on=machine), "--plan", plan, "--set", stated])


def override(rng: random.Random) -> Input:
    machine = rng.choice(MACHINES)
    name = machine.partition(":")[0]
    root = "chip" if (CHIPS / f"{name}.yaml").exists() else "system"
    document = load_document((CHIPS if root == "chip" else SYSTEMS) / f"{name}.yaml")
    path = rng.choice(_paths(name))
    value = document.node(path).plain()
    value = value["value"] if isinstance(value, dict) and "value" in value else value
    stated = f"{root}.{path}={written(hostile(rng, value))}".replace("\x00", "0")
    return Input("override", [*_run(rng, on=machine), "--plan", "tp=1", "--set", stated])


def model_override(rng: random.Random) -> Input:
    model = _pick(rng, MODELS)
    document = load_document(model)
    path = rng.choice(
        [one for one in document.value_paths() if not one.startswith(("description", "source", "checks"))]
    )
    stated = f"model.{path}={written(hostile(rng, document.node(path).plain()))}".replace("\x00", "0")
    return Input("model override", [*_run(rng, model.stem), "--set", stated])


def option(rng: random.Random) -> Input:
    flag = rng.choice(sorted(FLAGS))
    value = FLAGS[flag]
    number: Any = int(value) if value.isdigit() else value
    text = rng.choice((written(hostile(rng, number)), mutate_word(rng, value))).replace("\x00", "0")
    return Input("option", ["run", "gpt2-xl", "--on", rng.choice(MACHINES), f"{flag}={text}"])


def plan(rng: random.Random) -> Input:
    machine, text = rng.choice(MACHINES), mutate_word(rng, rng.choice(PLANS))
    return Input("plan", [*_run(rng, rng.choice(("llama3-8b", "mixtral-8x7b")), machine), "--plan", text])


def spans(rng: random.Random) -> Input:
    text = mutate_word(rng, rng.choice(("1+4096x31,512+2048", "300", "1x8,2+100...", "64+64x2")))
    return Input("spans", ["run", "llama3-8b", "--on", rng.choice(MACHINES), f"--spans={text}", "--plan", "tp=1"])


def call(rng: random.Random) -> Input:
    flags = {"--bytes": "1 MiB", "--ranks": "2", "--stride": "1", "--algorithm": "ring"}
    flag = rng.choice(sorted(flags))
    text = mutate_word(rng, flags[flag]) if rng.random() < 0.5 else written(hostile(rng, flags[flag]))
    kind = rng.choice(("all_reduce", "all_gather", "all_to_all", "broadcast", "send_recv"))
    machine = rng.choice(("nvidia-dgx-h100:8", "google-tpu-v4-pod:2x2x2", "graphcore-pod16:4", "nvidia-dgx-a100:32"))
    return Input("collective", ["collective", kind, "--on", machine, f"{flag}={text}".replace("\x00", "0")])


def table_file(rng: random.Random) -> Input:
    lines = [
        "hardware,op,dtype,batch,m,n,k,heads,kv_heads,head_dim,q_len,kv_len,rows,width,time_s,timing",
        "nvidia-a100-sxm-80gb,gemm,bf16,,128,4096,4096,,,,,,,,1e-4,",
        "nvidia-a100-sxm-80gb,attention_decode,bf16,4,,,,32,8,128,1,1000,,,2e-5,",
        "google-tpu-v4,gemm,bf16,,128,4096,4096,,,,,,,,1e-4,",
    ]
    at = rng.randrange(len(lines))
    cells = lines[at].split(",")
    cells[rng.randrange(len(cells))] = written(hostile(rng, rng.choice((4096, "gemm", 1e-4)))).replace("\x00", "0")
    lines[at] = ",".join(cells)
    content = "\n".join(lines).encode()
    content = content if rng.random() < 0.8 else mutate_bytes(rng, content)
    return Input(
        "table",
        rng.choice((["cost", "--data", "t.csv"], ["validate", "nothing", "--data", "t.csv"])),
        {"t.csv": content},
    )


#: The ways in which inputs are made, in turn.
KINDS: tuple[Callable[[random.Random], Input], ...] = (
    chip_file, system_file, model_file, config_file, graph_file, optics_file, case_file, result_file, override,
    override, setting, model_override, option, option, plan, spans, call, table_file,
)  # fmt: skip
