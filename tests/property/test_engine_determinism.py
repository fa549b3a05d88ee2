"""Same input, same bytes out: again, in reverse order, in another process, with another hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_graphs import Shape, random_graph

from accelsim.engine import simulate

SHAPES = [Shape(400, 5, 9, 4, 3, ties=seed % 2 == 0, seed=seed) for seed in range(4)]

SCRIPT = """
from engine_graphs import Shape, random_graph
from test_engine_determinism import SHAPES
from accelsim.engine import simulate
for shape in SHAPES:
    print(simulate(random_graph(shape), {engine!r}, record_rates=True).digest())
"""


def digests(engine: str, shapes: list[Shape]) -> list[str]:
    return [simulate(random_graph(shape), engine, record_rates=True).digest() for shape in shapes]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_second_run_in_reverse_order_gives_the_same_bytes(engine: str) -> None:
    first = digests(engine, SHAPES)
    assert digests(engine, SHAPES[::-1])[::-1] == first
    assert len(set(first)) == len(first)  # The digest tells different runs apart.


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(engine: str) -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT.format(engine=engine)],
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for seed in ("1", "4242")
    ]
    assert outputs[0] == outputs[1] == digests(engine, SHAPES)
