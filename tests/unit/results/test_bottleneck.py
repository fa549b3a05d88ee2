"""What is said to limit a run, and whether the what-if beside it moves that."""

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.hardware.relieve import LINK_LATENCY, relieve
from accelsim.hardware.system import load_system
from accelsim.results.bottleneck import Bottleneck, WhatIf


def test_small_messages_are_relieved_by_latency_and_large_ones_by_bandwidth() -> None:
    small = simulate("gpt2-xl", "nvidia-dgx-h100", Decode(1, 64), "tp=5").bottleneck
    assert small.cause == "exposed communication"
    assert small.what_ifs[0].change == "1/2 latency and launch of collectives"
    # halving what takes a share f of the time gains 1 / (1 - f / 2)
    assert small.what_ifs[0].speedup == pytest.approx(1 / (1 - small.fraction / 2), rel=0.03)
    large = simulate("llama3-70b", "nvidia-dgx-h100", Prefill(8, 8192), "tp=8").bottleneck
    assert "2x link bandwidth" in [what_if.change for what_if in large.what_ifs]


def test_the_latency_of_links_and_all_fixed_times_of_a_library_are_halved_and_its_bandwidth_is_not() -> None:
    before = load_system("nvidia-dgx-h100")
    found = relieve(before, LINK_LATENCY, 2.0)
    assert found is not None
    old, new = before.levels["nvlink"].spec, found[0].levels["nvlink"].spec
    assert new.link.latency_s == old.link.latency_s / 2
    assert new.collectives.launch_s == old.collectives.launch_s / 2
    assert new.collectives.protocols["simple"].step_latency_s == old.collectives.protocols["simple"].step_latency_s / 2
    assert new.link.bandwidth_bytes_per_s == old.link.bandwidth_bytes_per_s
    assert new.collectives.protocols["simple"].efficiency == old.collectives.protocols["simple"].efficiency


def test_a_what_if_that_moves_nothing_says_so() -> None:
    still = Bottleneck("hbm", 0.5, "mlp", (WhatIf("2x hbm bandwidth", 1.0, 1.001),))
    assert still.sentence.endswith("2x hbm bandwidth gives 1.00x: that moves nothing.")
    moved = Bottleneck("hbm", 0.5, "mlp", (WhatIf("2x hbm bandwidth", 1.0, 1.3),))
    assert moved.sentence.endswith("2x hbm bandwidth gives 1.30x.")
