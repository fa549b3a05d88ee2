"""What stands before the compiled engine, and from where on it is done first (accelsim/engine/choice.py)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

CHOICES = [
    *(("server_tasks", size) for size in (10, 100, 1000, 10_000)),
    *(("mixed_tasks", size) for size in (100, 10_000)),
    ("shared_transfers", 1000),
    ("ring_all_reduce", 32),
    ("torus_all_reduce", 4),
    ("mesh_permutation", 8),
    ("mesh_permutation", 16),
]

_FIRST_RUN = """
import time
from accelsim.engine import make_task_graph, simulate
began = time.process_time()
simulate(make_task_graph(3, work_ticks=1), "compiled")
print(time.process_time() - began)
"""


def first_run_s(cache: str) -> float:
    """CPU seconds of the first compiled run of a process that keeps machine code in ``cache``, imports included."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run([sys.executable, "-c", _FIRST_RUN], env=environment, check=True, capture_output=True)
    return float(done.stdout)


def print_start(quick: bool) -> None:
    """Print what compiling and loading take, then both engines and the estimate for SimPy on small graphs."""
    from engine_cases import GRAPHS

    from accelsim.engine import simulate
    from accelsim.engine.choice import simpy_s

    with tempfile.TemporaryDirectory() as cache:
        print(f"first compiled run, nothing kept       {first_run_s(cache):8.2f} s CPU")
        print(f"first compiled run, machine code kept  {first_run_s(cache):8.2f} s CPU")
    print(f"{'case':18s}{'size':>9s}{'tasks':>9s}{'simpy':>13s}{'estimated':>13s}{'compiled':>13s}")
    for case, size in CHOICES:
        graph = GRAPHS[case](size)
        if quick and simpy_s(graph) > 0.2:
            continue
        seconds = _least_s(lambda g=graph: simulate(g, "simpy")), simpy_s(graph)
        simulate(graph, "compiled")
        times = (*seconds, _least_s(lambda g=graph: simulate(g, "compiled")))
        print(f"{case:18s}{size:9d}{graph.num_tasks:9d}" + "".join(f"{1e3 * value:10.2f} ms" for value in times))


def _least_s(action: Callable[[], object]) -> float:
    """Least CPU time of three runs."""
    times = []
    for _ in range(3):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return min(times)
