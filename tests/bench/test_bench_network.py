"""Benchmarks of the network; run with ``pytest tests/bench/test_bench_network.py --benchmark-enable``.

They never fail on time; what they assert is that the measured run did the work.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.cost.call import Call, closed_form_s
from accelsim.engine import simulate
from accelsim.engine.taskgraph import TaskGraph
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical import OpticalSwitch
from accelsim.hardware.system import load_system
from accelsim.network.collective import collective_steps
from accelsim.network.collectives import get_algorithm
from accelsim.network.optical import circuit_graph, cut_into_slots
from accelsim.network.play import schedule_graph
from accelsim.network.topology import TOPOLOGIES

LINK = LinkSpec(bandwidth_bytes_per_s=50e9, latency_s=1e-6)
BUCKET = get_algorithm("all_reduce", "torus_bucket")


def torus_all_reduce(shape: tuple[int, ...]) -> TaskGraph:
    """Every message of every chip."""
    nbytes = math.prod(shape) * 6 * 1000
    topology = TOPOLOGIES.get("torus")(shape, (True,) * len(shape), LINK)
    return schedule_graph(BUCKET.messages(nbytes, shape), topology)


@pytest.mark.parametrize("extent", [4, 8, 16])
def test_unfolded_torus_all_reduce(benchmark: BenchmarkFixture, extent: int) -> None:
    shape = (extent,) * 3
    simulate(torus_all_reduce((4, 4, 4)), "compiled")  # loads the machine code
    timeline = benchmark.pedantic(lambda: simulate(torus_all_reduce(shape), "compiled"), rounds=1)
    expected_s = closed_form_s(BUCKET.folded(extent**3 * 6 * 1000, shape), 1e-6, 50e9)
    assert timeline.makespan_ticks * 1e-15 == pytest.approx(expected_s, rel=1e-9)


def test_folded_hierarchical_all_reduce_of_100_000_chips(benchmark: BenchmarkFixture) -> None:
    overrides = (("system.levels.infiniband.size", "12500"),)
    system = load_system("nvidia-dgx-h100:100000", overrides)
    cost = benchmark(collective_steps, Call("all_reduce", 2**30, 100_000, "hierarchical"), system)
    assert cost.call.num_ranks == 100_000
    assert {phase.level for phase in cost.phases} == {"nvlink", "infiniband"}


def test_permutation_through_a_circuit_switch_of_1024_ports(benchmark: BenchmarkFixture) -> None:
    switch = OpticalSwitch(schema_version=1, kind="optical_switch", name="ocs", description="", ports=1024,
                           reconfiguration_s=10e-3, insertion_loss=2.0)  # fmt: skip
    traffic = np.zeros((1024, 1024), dtype=np.int64)
    traffic[np.arange(1024), np.random.default_rng(0).permutation(1024)] = 10**6
    timeline = benchmark.pedantic(
        lambda: simulate(circuit_graph(cut_into_slots(traffic), switch, LINK), "simpy"), rounds=1
    )
    # every port sets its one circuit and sends 1 MB over 50 GB/s, all at once
    assert timeline.makespan_s == pytest.approx(10e-3 + 1e-6 + 10**6 / 50e9, rel=1e-9)
