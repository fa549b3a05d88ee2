"""All-reduce against ASTRA-sim's analytical backends, where both describe the same thing.

``tests/validation/data/astrasim_allreduce.csv``: runs of astra-sim (commit 518bd51, MIT) with links of "50 GB/s" and
500 ns and 4 chunks. What had to be found out about its model to put the same machine in ours:

* its GB is 2^30 bytes;
* its 4 chunks wait for each other at the endpoint, so a step takes four link latencies (eight through a switch),
  and each chunk pays about 10 ns there;
* a received byte passes the local memory at 1,000 GB/s or so, in series with the link: 1/20 more time per byte in rings
  and between all pairs, half of that in halving and doubling. Here: efficiency of the link;
* its ring uses one direction only: one port per chip in ours.

Not compared, because the models differ. Aware switch: it stores and forwards each chunk, so bytes pay for the link
twice; ours cuts through. 2-D torus: it sends chunk after chunk through one directed ring per dimension, so the largest
dimension sets the pace (8x8 takes as long as a ring of 8); ours works on all dimensions and both directions at once.
The row of another link (400 GB/s) is its own preset of a DGX, with other chunks.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from accelsim.cost.call import Call
from accelsim.hardware.level import AlgorithmSpec, CollectiveSpec, Level, ProtocolSpec, SystemLevel
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import System, load_system
from accelsim.network.collective import collective_steps

ALGORITHMS = {"ring": "ring", "direct": "direct", "halvingDoubling": "halving_doubling"}
MEMORY_SHARE = 0.0505
ENDPOINT_S = 10e-9


def same_thing(row: dict[str, str]) -> bool:
    is_aware_switch = row["backend"] == "Aware" and row["topology"] == "switch"
    return bool(row["sim_time_ns"]) and row["topology"] != "torus2d" and not is_aware_switch and "," not in row["dims"]


ROWS = [
    row
    for row in csv.DictReader((Path(__file__).parent / "data/astrasim_allreduce.csv").read_text().splitlines())
    if same_thing(row) and float(row["link_GBps"]) == 50
]


def machine(topology: str, num_ranks: int) -> System:
    hop_s = 1e-6 if topology == "switch" else 0.5e-6
    whole, half = (
        {"chunks": ProtocolSpec(step_latency_s=3 * hop_s + 4 * ENDPOINT_S, efficiency=1 / (1 + share))}
        for share in (MEMORY_SHARE, MEMORY_SHARE / 2)
    )
    level = Level(
        topology="fully_connected" if topology == "fullyconnected" else "switch",
        size=num_ranks,
        link=LinkSpec(bandwidth_bytes_per_s=50 * 2**30, latency_s=hop_s),
        collectives=CollectiveSpec(
            protocols=whole, algorithms={"halving_doubling": AlgorithmSpec(protocols=half), "ring": AlgorithmSpec()}
        ),
    )
    chip = load_system("nvidia-a100-sxm-80gb").chip
    return System("astra", chip, {"links": SystemLevel("links", level, (num_ranks,), (True,))}, num_ranks)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: "-".join((r["backend"], r["topology"], r["npus"], r["MiB"])))
def test_all_reduce_takes_the_same_time_within_2_percent(row: dict[str, str]) -> None:
    num_ranks, nbytes = int(row["npus"]), int(row["MiB"]) * 2**20
    system = machine(row["topology"], num_ranks)
    cost = collective_steps(Call("all_reduce", nbytes, num_ranks, ALGORITHMS[row["algorithm"]]), system)
    assert cost.work_s == pytest.approx(float(row["sim_time_ns"]) * 1e-9, rel=0.02)


def test_enough_rows_are_compared() -> None:
    assert len(ROWS) >= 30
