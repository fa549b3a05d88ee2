"""Dispatch and combine of DeepEP's low-latency kernels against the model.

``python tests/validation/test_expert_exchange.py`` prints the errors of the shipped numbers, and of fits to three
quarters of the shapes on the fourth.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from accelsim.hardware.expert_kernel import ExchangeSpec
from accelsim.hardware.system import System, load_system
from accelsim.network.expert_kernels import ExpertExchange, expert_exchange
from accelsim.network.expert_kernels_fit import fit_exchange, with_exchange

SYSTEMS = {
    "nvidia-h100-sxm": "nvidia-dgx-h100",
    "nvidia-h200-sxm": "nvidia-dgx-h200",
    "nvidia-b200-sxm": "nvidia-dgx-b200",
    "nvidia-b300-sxm": "nvidia-dgx-b300",
    "nvidia-gb200": "nvidia-gb200-nvl72:4",
    "nvidia-gb300": "nvidia-gb300-nvl72:4",
}
DIRECTIONS = ("dispatch", "combine")
#: What has to be reached.
GOAL = 0.20


@cache
def measured(hardware: str, direction: str) -> tuple[tuple[ExpertExchange, ...], np.ndarray]:
    """Exchanges and their seconds."""
    text = files("accelsim.validation").joinpath("data/expert_exchange.csv").read_text(encoding="utf-8")
    rows = [
        row
        for row in csv.DictReader(text.splitlines())
        if row["hardware"] == hardware and row["op"] == f"moe_{direction}"
    ]
    names = ("m", "hidden", "topk", "num_experts", "ep")
    exchanges = tuple(ExpertExchange(direction, *(int(row[name]) for name in names)) for row in rows)
    return exchanges, np.array([float(row["time_s"]) for row in rows])


def errors(exchanges, time_s, system: System) -> np.ndarray:
    return np.array([expert_exchange(one, system).seconds for one in exchanges]) / time_s - 1


def fitted(exchanges, time_s, system: System) -> ExchangeSpec:
    return fit_exchange(exchanges, time_s, system, "nvlink")[0]


def cross_validated(hardware: str, direction: str, parts: int = 4) -> float:
    """Mean error of each quarter of the shapes under a fit to the other three."""
    exchanges, time_s = measured(hardware, direction)
    system, found = load_system(SYSTEMS[hardware]), []
    shapes = sorted({(one.hidden, one.topk, one.num_experts) for one in exchanges})
    part = np.array([shapes.index((one.hidden, one.topk, one.num_experts)) % parts for one in exchanges])
    for held_out in range(parts):
        keep = [one for one, where in zip(exchanges, part, strict=True) if where != held_out]
        left = [one for one, where in zip(exchanges, part, strict=True) if where == held_out]
        spec = fitted(keep, time_s[part != held_out], system)
        found += np.abs(errors(left, time_s[part == held_out], with_exchange(system, direction, spec))).tolist()
    return float(np.mean(found))


@pytest.mark.parametrize("hardware", SYSTEMS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_low_latency_exchanges_in_a_node_are_met(hardware: str, direction: str) -> None:
    found = np.abs(errors(*measured(hardware, direction), load_system(SYSTEMS[hardware])))
    assert found.mean() < 0.06
    assert found.max() < GOAL + 0.01


@pytest.mark.parametrize("hardware", SYSTEMS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_shapes_that_were_not_fitted_are_met(hardware: str, direction: str) -> None:
    assert cross_validated(hardware, direction) < GOAL / 2


def test_the_shipped_numbers_are_the_fit() -> None:
    exchanges, time_s = measured("nvidia-h200-sxm", "dispatch")
    system = load_system(SYSTEMS["nvidia-h200-sxm"])
    spec, ratio = fit_exchange(exchanges, time_s, system, "nvlink")
    shipped = system.levels["nvlink"].spec.expert_kernels["low_latency"].dispatch
    assert shipped.efficiency == pytest.approx(spec.efficiency, rel=0.01)
    assert np.abs(errors(exchanges, time_s, system)).mean() == pytest.approx(np.abs(ratio - 1).mean(), rel=0.03)


def test_pure_rdma_follows_from_the_share_that_leaves_the_chip() -> None:
    # 128 tokens, top-8, hidden 7168 over one adapter per chip; one efficiency for both directions and all sizes
    for direction in DIRECTIONS:
        exchanges, time_s = measured("nvidia-h800-sxm", direction)
        for one, seconds in zip(exchanges, time_s, strict=True):
            nodes = load_system(f"nvidia-dgx-h800:{one.ranks}", [("system.levels.nvlink.size", "1")])
            assert expert_exchange(one, nodes).seconds == pytest.approx(seconds, rel=0.05)


if __name__ == "__main__":
    print(f"{'hardware':<18} {'direction':<9} points   mean  largest  cross-validated by shape")
    for name in SYSTEMS:
        for way in DIRECTIONS:
            error = np.abs(errors(*measured(name, way), load_system(SYSTEMS[name])))
            cross = cross_validated(name, way)
            print(f"{name:<18} {way:<9} {len(error):6d} {error.mean():6.1%} {error.max():8.1%} {cross:8.1%}")
