"""What is measured beyond the engine: whole runs through the pipeline, and the command line."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPEATS = 5
SYSTEM = "nvidia-dgx-h100:8"
PLAN = "tp=8"
#: Positions enough for the longest decode.
LONG = (("model.max_position_embeddings", "200000"),)


@dataclass(frozen=True)
class RunFigure:
    """What one run through the pipeline took: the first in its process, and later ones; and peak memory."""

    name: str
    num_tasks: int
    peak_mb: float
    first_cpu_s: float
    again_cpu_s: float
    again_wall_s: float


@dataclass(frozen=True)
class CommandFigure:
    """What a command took: with empty caches (of Python and numba), and the median with full ones."""

    name: str
    cold_cpu_s: float
    cold_wall_s: float
    warm_cpu_s: float
    warm_wall_s: float


def runs() -> dict[str, Callable[[], int]]:
    """What is run by name, on :data:`SYSTEM` under :data:`PLAN`; each returns the tasks that were simulated."""
    from accelsim import Decode, Prefill, load_model, load_system, simulate

    def run(model: str, phase: Any, plan: str = PLAN, **options: Any) -> int:
        return simulate(model, SYSTEM, phase, plan, **{"what_ifs": False, **options}).num_simulated_tasks

    def load() -> int:
        load_model("llama3-8b"), load_system(SYSTEM)
        return 0

    return {
        "loading of names": load,
        "llama3-8b decode, with what-ifs": lambda: run("llama3-8b", Decode(8, 2048), what_ifs=True),
        "gpt3-175b prefill": lambda: run("gpt3-175b", Prefill(1, 2048)),
        "llama3-8b decode x 10": lambda: run("llama3-8b", Decode(1, 1000, 10)),
        "llama3-8b decode x 100": lambda: run("llama3-8b", Decode(1, 1000, 100)),
        "llama3-8b decode x 1000": lambda: run("llama3-8b", Decode(1, 1000, 1000)),
        "llama3-8b, 1,000 steps, what-ifs": lambda: run("llama3-8b", Decode(8, 2048, 1000), what_ifs=True),
        "the same, tp=1": lambda: run("llama3-8b", Decode(8, 2048, 1000), what_ifs=True, plan="tp=1"),
        "llama3-8b, 100,000 steps, what-ifs": lambda: run(
            "llama3-8b", Decode(1, 2048, 100_000), what_ifs=True, overrides=LONG
        ),
    }


def measure_run(name: str) -> RunFigure:
    """Measure one run in this process."""
    run = runs()[name]
    cpu_s: list[float] = []
    wall_s: list[float] = []
    num_tasks = 0
    while len(cpu_s) <= REPEATS:
        cpu, wall = time.process_time(), time.perf_counter()
        num_tasks = run()
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return RunFigure(name, num_tasks, peak_mb, cpu_s[0], statistics.median(cpu_s[1:]), statistics.median(wall_s[1:]))


def commands(quick: bool) -> dict[str, list[str]]:
    """Command lines to be measured, by name."""
    on = ["--on", SYSTEM, "--plan", PLAN]
    accelsim = [sys.executable, "-m", "accelsim.cli.main"]
    found = {
        "bare python": [sys.executable, "-c", ""],
        "import accelsim.engine": [sys.executable, "-c", "import accelsim.engine"],
        "accelsim --help": [*accelsim, "--help"],
        "accelsim run, prefill": [*accelsim, "run", "llama3-8b", *on],
        "accelsim run, decode, auto plan": [*accelsim, "run", "llama3-8b", "--on", SYSTEM, "--phase", "decode"],
    }
    if not quick:
        steps = ["--context", "1000", "--steps", "1000"]
        found["accelsim run, 1,000 steps"] = [*accelsim, "run", "llama3-8b", *on, *steps]
    return found


def measure_command(name: str, command: list[str]) -> CommandFigure:
    """Run a command with empty caches once, then with what it left there.

    Raises:
        RuntimeError: The command fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        caches = {"PYTHONPYCACHEPREFIX": str(Path(folder, "python")), "NUMBA_CACHE_DIR": str(Path(folder, "numba"))}
        environment = {**os.environ, **caches}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or the second run would be as cold as the first
        cold = _times(name, command, environment)
        warm = [_times(name, command, environment) for _ in range(REPEATS)]
    return CommandFigure(name, *cold, *(statistics.median(column) for column in zip(*warm, strict=True)))


def _times(name: str, command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """CPU and wall time of a process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip()}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s
