"""Circuits that are set between collectives: when, how long, and what hides it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from accelsim.cost.call import Call
from accelsim.errors import ConfigError, PlanError
from accelsim.hardware.system import load_system
from accelsim.network.collective import collective_steps
from accelsim.pipeline import simulate
from accelsim.results.result import Result
from accelsim.workload.phase import Decode, Prefill

OCS = "nvidia-h100-ocs:8"
MOE, DENSE = "mixtral-8x7b", "llama3-8b"
PLAN = "tp=4,dp=2,ep=8"
LAYERS = 32
LINK = "system.levels.ocs.link."


def run(*overrides: tuple[str, str], model: str = MOE, plan: str = PLAN, steps: int = 1) -> Result:
    return simulate(model, OCS, Decode(64, 2048, steps), plan, what_ifs=False, overrides=list(overrides))


def settings(result: Result) -> dict[str, tuple[int, float]]:
    """Count and mean time of each setting, by name."""
    rows = [row for row in result.ledger.rows if row.kind == "set_circuits"]
    return {row.operator: (row.count, row.time_s / row.count) for row in rows}


@pytest.fixture(scope="module")
def moved() -> Result:
    return run()


def test_one_ring_keeps_its_circuits() -> None:
    dense = run(model=DENSE, plan="tp=8")
    assert settings(dense) == {}
    assert "setting light paths" not in dense.ledger.cause_s
    fixed = run(("system.levels.ocs.circuits", "fixed"), model=DENSE, plan="tp=8")
    assert fixed.ledger.flops == dense.ledger.flops


def test_circuits_are_set_where_the_next_collective_has_other_partners(moved: Result) -> None:
    # attention's ring of 4, dispatch and combine over 8, then a ring of 4: two settings of 10 us in each layer
    found = settings(moved)
    assert {name.removesuffix(".set_circuits") for name in found} == {"moe.dispatch", "moe.all_gather"}
    assert all(count == LAYERS and math.isclose(each, 10e-6) for count, each in found.values())


def test_the_same_bytes_move_and_the_causes_sum_to_the_latency(moved: Result) -> None:
    slow = run((f"{LINK}reconfiguration", "1 ms"))
    assert slow.ledger.traffic_bytes["ocs"] == moved.ledger.traffic_bytes["ocs"]
    assert slow.ledger.dynamic_energy_j == moved.ledger.dynamic_energy_j
    for one in (slow, moved):
        assert math.isclose(sum(one.ledger.cause_s.values()), one.latency_s, rel_tol=1e-9)
    # 64 settings of 1 ms against 64 of 10 us, of which work may hide a part
    assert 0 < slow.latency_s - moved.latency_s <= 64 * 0.99e-3 * (1 + 1e-9)
    assert slow.ledger.cause_s["setting light paths"] > 0.9 * 64e-3 * 0.9


def test_work_hides_a_short_setting(moved: Result) -> None:
    quick = run((f"{LINK}reconfiguration", "1 ns"))
    assert quick.ledger.cause_s.get("setting light paths", 0.0) <= 64e-9
    assert moved.ledger.cause_s["setting light paths"] <= 64 * 10e-6
    assert moved.latency_s - quick.latency_s <= 64 * 10e-6


def test_steps_of_a_decode_are_alike(moved: Result) -> None:
    two = run(steps=2)
    assert {count for count, _ in settings(two).values()} == {2 * LAYERS}


def test_a_prompt_sets_what_its_first_layer_finds_set() -> None:
    prompt = simulate(MOE, OCS, Prefill(8, 512), PLAN, what_ifs=False)
    counts = {name: count for name, (count, _) in settings(prompt).items()}
    assert set(counts.values()) <= {LAYERS - 1, LAYERS} and counts["moe.dispatch.set_circuits"] == LAYERS


@pytest.mark.parametrize(("algorithm", "changes"), [("ring", 0), ("halving_doubling", 5)])
def test_an_algorithm_that_changes_partners_sets_circuits_between_its_steps(algorithm: str, changes: int) -> None:
    # halving and doubling over 8 ranks are 6 steps with another partner each: 5 settings between them
    fixed = load_system(OCS, [("system.levels.ocs.circuits", "fixed")])
    call = Call("all_reduce", 2**20, 8, algorithm)
    there, here = (collective_steps(call, system).work_s for system in (fixed, load_system(OCS)))
    assert math.isclose(here - there, changes * 10e-6, abs_tol=1e-12)


def test_circuits_that_move_need_a_switch(tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    body = "schema_version: 1\nkind: system\nname: pod\ndescription: x\nchip: nvidia-h100-sxm\nlevels:\n  net:\n"
    body += "    topology: switch\n    size: 8\n    circuits: moved\n    link: {bandwidth: 50 GB/s}\n"
    path.write_text(body)
    with pytest.raises(ConfigError, match="no circuit switch is on the way"):
        load_system(str(path))


def test_stages_and_tiles_are_refused_instead_of_forgetting_the_settings() -> None:
    with pytest.raises(PlanError, match="circuits of ocs are set between collectives by execution=whole_chip"):
        simulate(DENSE, OCS, Prefill(8, 512), "pp=2,microbatches=2", what_ifs=False)


def test_what_chips_send_each_other_adds_up_to_the_traffic(moved: Result) -> None:
    table = moved.table("between_chips")
    assert math.isclose((table["bytes"] * table["times"]).sum(), moved.ledger.traffic_bytes["ocs"], rel_tol=1e-3)
    assert set(table["src"]) == set(table["dst"]) == set(range(8))
    assert (table["src"] != table["dst"]).all()
    ring = table[table["operator"] == "attn.out.all_reduce"]
    # rings of four: 2 x 3 steps of a quarter of 32 tokens x 4,096 x 2 bytes, in both groups, in every layer
    assert set(zip(ring["src"], ring["dst"], strict=True)) == {
        (b + i, b + (i + 1) % 4) for b in (0, 4) for i in range(4)
    }
    assert set(ring["bytes"]) == {6 * 32 * 4096 * 2 // 4} and set(ring["times"]) == {LAYERS}


def test_stages_and_tiles_say_what_they_send_too() -> None:
    stages = simulate(DENSE, "nvidia-dgx-h100:2", Prefill(2, 128), "pp=2,microbatches=2", what_ifs=False)
    table = stages.table("between_chips")
    # two microbatches of 128 tokens x 4,096 x 2 bytes from the first stage to the second
    assert table[["src", "dst", "bytes", "times"]].values.tolist() == [[0, 1, 128 * 4096 * 2, 2]]
    assert simulate(DENSE, "nvidia-h100-sxm", Prefill(1, 128), "tp=1", what_ifs=False).table("between_chips").empty
    tiles = simulate(DENSE, "sram-package", Decode(1, 128), "execution=spatial,pieces=8,chunk=1", what_ifs=False)
    sent = tiles.table("between_chips")
    crossing = sum(tiles.ledger.traffic_bytes[level] for level in ("package", "network"))
    # every transfer crosses at least one link
    assert 0 < sent["bytes"].sum() <= crossing * 8
