"""A run takes its ranks where the plan seats them, and says what that gains."""

import pytest

from accelsim import Case, simulate
from accelsim.errors import ConfigError, PlacementError, PlanError
from accelsim.hardware.system import load_system
from accelsim.placing import place_ranks
from accelsim.workload.phase import Decode, Prefill

TORUS = "google-tpu-v4-pod:16"  # 4 x 4


def run(plan, system=TORUS, phase=None):
    return simulate("llama3-8b", system, phase or Prefill(2, 512), plan, what_ifs=False)


def test_replicas_share_the_batch():
    # Each of two replicas has half of the sequences, so that both together send what one of tp=4 with all of them does.
    (both,) = place_ranks(Case("llama3-8b", "nvidia-dgx-a100:8", Decode(8, 64), "tp=4,dp=2"), ("row_major",))
    (one,) = place_ranks(Case("llama3-8b", "nvidia-dgx-a100:8", Decode(8, 64), "tp=4"), ("row_major",))
    assert both.byte_hops == pytest.approx(one.byte_hops, rel=0.01)


def test_ranks_in_order_cost_what_a_plan_without_ranks_does():
    assert (
        run("tp=4,dp=2,ranks=row_major", "nvidia-dgx-a100:8").latency_s
        == run("tp=4,dp=2", "nvidia-dgx-a100:8").latency_s
    )


def test_a_bad_seating_is_slower_and_its_gain_below_one(tmp_path):
    # replica 0 on chips 0 2 8 10 of the 4 x 4 torus, two hops apart, and replica 1 likewise between them
    path = tmp_path / "ranks.yaml"
    path.write_text("schema_version: 1\nkind: ranks\nplacer: me\nchips: [0, 2, 8, 10, 1, 3, 9, 11]\n")
    apart, by_annealing = run(f"tp=4,dp=2,ranks={path}"), run("tp=4,dp=2,ranks=annealing")
    assert apart.latency_s > by_annealing.latency_s
    assert apart.seating.gain < 1 <= by_annealing.seating.gain
    assert any(warning.startswith("ranks-slower: attn.out.all_reduce: ") for warning in apart.warnings)
    assert apart.to_dict()["ranks"]["chips"] == [0, 2, 8, 10, 1, 3, 9, 11]
    assert sum(apart.ledger.cause_s.values()) == pytest.approx(apart.latency_s)


def test_an_order_that_puts_replicas_innermost_moves_tensor_parallelism_to_the_network():
    inside, across = (
        run(f"tp=2,dp=8{order}", "nvidia-dgx-h100:16", Prefill(8, 512)) for order in ("", ",order=dp-tp-pp")
    )
    assert "infiniband" not in inside.ledger.traffic_bytes
    assert across.ledger.traffic_bytes["infiniband"] > 0
    assert across.latency_s > inside.latency_s


def test_the_saved_file_of_place_runs_as_the_placer_did(tmp_path):
    (found,) = place_ranks(Case("llama3-8b", TORUS, Prefill(2, 512), "tp=8,dp=2"), ("annealing",))
    path = tmp_path / "ranks.yaml"
    path.write_text(found.to_yaml())
    assert run(f"tp=8,dp=2,ranks={path}").latency_s == run("tp=8,dp=2,ranks=annealing").latency_s


@pytest.mark.parametrize(
    ("plan", "error", "complaint"),
    [
        ("dp=2,ranks=annealing", PlanError, "exchanges nothing between ranks"),
        ("tp=2,ranks=anealing", ConfigError, "Did you mean 'annealing'"),
        ("tp=4,dp=2,ranks={file}", PlacementError, "4 ranks up to chip 3; 8 of 16"),
        ("tp=2,order=tp", PlanError, "order 'tp' does not name every axis once"),
        ("execution=spatial,ranks=snake", PlanError, "ranks has no meaning with execution=spatial"),
    ],
)
def test_what_cannot_be_seated_is_told(plan, error, complaint, tmp_path):
    path = tmp_path / "ranks.yaml"
    path.write_text("schema_version: 1\nkind: ranks\nplacer: me\nchips: [0, 1, 2, 3]\n")
    with pytest.raises(error, match=complaint):
        run(plan.format(file=path))


def test_all_ranks_are_simulated_where_links_are_slow_and_ranks_sit_apart():
    overrides = (("system.levels.ici.faults", "[{src: 0, dst: 1, capacity_fraction: 0.5}]"),)
    slow = load_system(TORUS, overrides)
    for plan in ("tp=4,dp=4,order=dp-tp-pp", "tp=4,dp=2,ranks=annealing"):
        result = run(plan, slow, Prefill(4, 256))
        assert any(warning.startswith("folding-off") for warning in result.warnings)
        assert len([name for name in result.timeline.stages[0].stage.graph.servers if name.startswith("stream")]) > 4


@pytest.mark.parametrize("plan", ["tp=4,dp=4", "tp=4,pp=4,microbatches=4", "pp=16,microbatches=4"])
def test_the_gain_is_that_of_the_collectives_of_the_run(plan, tmp_path):
    path = tmp_path / "ranks.yaml"
    apart = [0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15]
    path.write_text(f"schema_version: 1\nkind: ranks\nplacer: me\nchips: {apart}\n")
    in_order, seated = (run(f"{plan}{ranks}", phase=Prefill(8, 512)) for ranks in ("", f",ranks={path}"))

    def between_s(result):
        return sum(row.time_s for row in result.ledger.rows if row.kind in ("collective", "send_recv"))

    assert seated.seating.collective_s == pytest.approx(between_s(seated), rel=1e-6)
    assert seated.seating.in_order_collective_s == pytest.approx(between_s(in_order), rel=1e-6)
    assert seated.seating.gain == pytest.approx(between_s(in_order) / between_s(seated), rel=1e-6)


def test_stages_that_only_send_are_placed_too():
    (found,) = place_ranks(Case("llama3-8b", TORUS, Prefill(8, 512), "pp=16"), ("annealing",))
    assert found.byte_hops >= 15 * 8 * 512 * 4096 * 2  # 15 sends of one activation over a link each at least
