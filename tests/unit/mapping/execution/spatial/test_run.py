import numpy as np
import pytest

from accelsim.errors import CapacityError, PlanError
from accelsim.mapping.placement.constraints import parse_constraints
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.workload.build import build_step, build_workload
from accelsim.workload.phase import Decode, Prefill


def run(model, system, phase, plan="execution=spatial", **options):
    return simulate(model, system, phase, plan, what_ifs=False, **options)


@pytest.mark.parametrize("granularity", ["layer", "block", "operator"])
@pytest.mark.parametrize("chunk", [7, 16, 100])
def test_prefill_in_chunks_does_the_flops_of_the_whole_prompt(tiny, small_array, granularity, chunk):
    plan = f"execution=spatial,chunk={chunk},granularity={granularity}"
    result = run(tiny, small_array, Prefill(2, 100), plan)
    assert result.ledger.flops == build_workload(tiny, Prefill(2, 100)).flops


def test_decode_in_micro_batches_does_the_flops_of_all_steps(tiny, small_array):
    phase = Decode(5, 60, steps=3)
    result = run(tiny, small_array, phase, "execution=spatial,chunk=2")
    assert result.ledger.flops == sum(build_step(tiny, phase, i).flops for i in range(3))


def test_spatial_and_whole_chip_do_the_same_flops(tiny, small_array):
    phase = Prefill(1, 128)
    whole = run(tiny, small_array, phase, "execution=whole_chip")
    assert run(tiny, small_array, phase).ledger.flops == whole.ledger.flops


def test_bytes_that_leave_producers_enter_consumers_and_links_carry_bytes_times_hops(tiny, small_array):
    result = run(tiny, small_array, Prefill(1, 64), "execution=spatial,chunk=16")
    graph, timeline = result.mapped.program.stages[0].graph, result.timeline.stages[0].timeline
    sent = {}
    for task in range(graph.num_tasks):
        label = graph.labels[graph.label[task]]
        if ">" in label:
            sent[label] = sent.get(label, 0) + int(graph.nbytes[task])
    hidden = 64 * 512 * 2  # every token's hidden vector crosses each border once
    assert len(sent) == 9  # embedding, 4 x (attention, mlp), head: nine borders
    assert sorted(sent.values()) == [512 * 2] + [hidden] * 8
    # what the links carried is the sum over tasks of bytes x links crossed
    per_task = graph.nbytes * np.diff(graph.route_ptr)
    assert int(timeline.link_bytes.sum()) == int(per_task.sum())


def test_two_runs_with_one_seed_are_equal_to_the_tick(tiny, small_array):
    phase, plan = Prefill(1, 64), "execution=spatial,chunk=8"
    first, second = (run(tiny, small_array, phase, plan, seed=3) for _ in range(2))
    assert first.timeline.stages[0].timeline.digest() == second.timeline.stages[0].timeline.digest()


def test_both_engines_agree_on_a_spatial_run(tiny, small_array):
    phase, plan = Decode(4, 32, steps=2), "execution=spatial,chunk=1"
    runs = [run(tiny, small_array, phase, plan, engine=engine) for engine in ("simpy", "compiled")]
    assert runs[0].timeline.makespan_ticks == runs[1].timeline.makespan_ticks


def test_one_token_takes_the_sum_of_all_groups_and_transfers(tiny, small_array):
    result = run(tiny, small_array, Decode(1, 32))
    graph = result.mapped.program.stages[0].graph
    walk_s = graph.work_ticks.sum() / 1e15
    assert result.latency_s > walk_s
    assert result.latency_s == pytest.approx(walk_s, rel=0.05)  # transfers are small beside the work
    assert sum(result.ledger.cause_s.values()) == pytest.approx(result.latency_s, rel=1e-9)


def test_a_long_prompt_approaches_the_pace_of_the_slowest_group(tiny, small_array):
    result = run(tiny, small_array, Prefill(1, 2048), "execution=spatial,chunk=16")
    timeline = result.timeline.stages[0].timeline
    busiest_s = timeline.server_busy_ticks.max() / 1e15
    assert busiest_s < result.latency_s < 1.25 * busiest_s


def test_layers_that_do_not_fit_one_chip_continue_on_the_next(tiny, small_arrays):
    less = [("chip.sram_per_core", "16 KiB")]  # 64 MiB per chip; 50 MB of weights and a cache beside
    phase = Decode(8, 1024)
    result = run(tiny, f"{small_arrays}:4", phase, overrides=less)
    assert result.mapped.num_chips > 1
    assert result.ledger.traffic_bytes["fabric"] > 0
    assert result.ledger.flops == build_workload(tiny, phase).flops


def test_what_does_not_fit_says_what_is_short_and_how_many_chips_would_do(tiny, small_array, small_arrays):
    with pytest.raises(CapacityError) as error:
        run(tiny, f"{small_arrays}:1", Decode(32, 4000), "execution=spatial,chunk=1")
    # 4 layers x 2 x 32 x 4001 x 256 x 2 bytes = 524 MB of cache against 64 x 64 x 64 KiB = 268 MB
    assert "decoder.attn" in str(error.value)
    assert "SRAM short" in str(error.value)
    # a quarter of that is one layer's; with the embedding on the first chip only one fits there, so four chips
    assert f"--on {small_arrays}:4 --plan execution=spatial,chunk=1; " in str(error.value)
    assert run(tiny, f"{small_arrays}:4", Decode(32, 4000), "execution=spatial,chunk=1").mapped.num_chips == 4


def test_a_group_too_large_for_any_rectangle_names_its_tensors(tiny, small_array):
    plan = "execution=spatial,chunk=1,granularity=layer"  # a layer as a whole is not cut
    with pytest.raises(CapacityError, match=r"decoder does not fit the largest rectangle .*KV cache 262.2 MB"):
        run(tiny, small_array, Decode(64, 4000), plan)


def test_a_group_too_large_for_any_rectangle_is_cut_over_chips():
    # an embedding of 1,051 MB against the 897 MB of SRAM that an IPU gives to rectangles
    found = run("llama3-8b", "graphcore-pod64:64", Decode(1, 100), "execution=spatial,chunk=1").mapped.on_tiles
    names = [group.name for group in found.pipeline.groups]
    assert names[:5] == ["embedding@0", "embedding@1", "embedding", "decoder0.attn", "decoder0.mlp"]


def test_a_chip_without_a_network_is_refused(tiny):
    with pytest.raises(PlanError, match="needs an on-chip network, nvidia-a100-sxm-80gb has none"):
        run(tiny, "nvidia-a100-sxm-80gb", Prefill(1, 16))


def test_a_pin_that_is_too_small_names_group_tiles_tensors_moment_and_the_tiles_it_lacks(tiny, small_array):
    wanted = parse_constraints(
        "schema_version: 1\nkind: constraints\npin: {decoder2.attn: {corner: [0, 0], tiles: [36, 1]}}\n"
    )
    with pytest.raises(CapacityError) as error:
        place(tiny, small_array, Prefill(1, 64), "execution=spatial,chunk=16,placer=snake", constraints=wanted)
    text = str(error.value)
    assert (
        "decoder2.attn on rectangle 36x1 at (0, 0) of chip 0: when the last token is cached, each of 36 tiles" in text
    )
    assert "of 64 KiB SRAM (weights" in text
    assert "Smallest change that fits:" in text


def test_too_much_says_which_smaller_job_fits(tiny, small_array):
    with pytest.raises(CapacityError, match=r"alone fits: --batch \d+; --context \d+\."):
        place(tiny, small_array, Decode(256, 3000), "execution=spatial,chunk=1")
