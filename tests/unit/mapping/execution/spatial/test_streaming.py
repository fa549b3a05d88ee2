import pytest

from accelsim.errors import CapacityError, PlanError
from accelsim.pipeline import simulate
from accelsim.workload.build import build_step, build_workload
from accelsim.workload.phase import Decode, Prefill

STREAMING = "execution=weight_streaming"


def run(model, system, phase, plan=STREAMING, **options):
    return simulate(model, system, phase, plan, what_ifs=False, **options)


def test_all_weights_come_in_once_per_pass(tiny, small_arrays):
    result = run(tiny, f"{small_arrays}:1", Decode(1, 16, steps=3))
    # the embedding table is brought in whole as well
    weights = build_step(tiny, Decode(1, 16), 0).weight_bytes
    assert result.ledger.traffic_bytes["host link"] == 3 * weights
    assert int(result.timeline.link_bytes.sum()) == 3 * weights


def test_a_slow_link_sets_the_time_and_loads_follow_without_gaps(tiny, small_arrays):
    result = run(tiny, f"{small_arrays}:1", Decode(1, 16, steps=2))
    weights = build_step(tiny, Decode(1, 16), 0).weight_bytes
    load_s = 2 * weights / 1e9  # 1 GB/s, far slower than the arithmetic
    assert result.bottleneck.cause == "host link"
    assert load_s < result.latency_s < 1.02 * load_s


def test_a_fast_link_hides_behind_the_arithmetic(tiny, small_arrays):
    fast = [("system.host.link.bandwidth", "1 PB/s"), ("system.host.link.latency", "0 s")]
    phase = Prefill(1, 256)
    streamed = run(tiny, f"{small_arrays}:1", phase, overrides=fast)
    whole = run(tiny, f"{small_arrays}:1", phase, "execution=whole_chip")
    assert streamed.latency_s == pytest.approx(whole.latency_s, rel=1e-3)
    assert streamed.ledger.flops == whole.ledger.flops == build_workload(tiny, phase).flops


def test_only_two_blocks_of_weights_are_on_the_chip(tiny, small_arrays):
    result = run(tiny, f"{small_arrays}:1", Prefill(1, 16))
    segments = build_workload(tiny, Prefill(1, 16)).segments
    embedding, decoder, head = (sum(t.size_bytes for t in s.graph.weights) for s in segments)
    most = max(embedding + decoder, 2 * decoder, decoder + head)
    assert result.footprint.role_bytes["weight"] == most


def test_a_model_too_large_to_stay_can_still_be_streamed_but_its_cache_must_fit(tiny, small_arrays):
    little = [("chip.sram_per_core", "8 KiB")]  # 32 MiB for 50 MB of weights
    assert run(tiny, f"{small_arrays}:1", Prefill(1, 16), overrides=little).latency_s > 0
    with pytest.raises(CapacityError, match="two blocks of weights at a time"):
        run(tiny, f"{small_arrays}:1", Decode(64, 1000), overrides=little)


def test_a_chip_without_a_host_link_is_refused(tiny, small_array):
    with pytest.raises(PlanError, match="needs the link weights come in over"):
        run(tiny, small_array, Prefill(1, 16))
