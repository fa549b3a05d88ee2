"""The ledger on blocks small enough to book by hand."""

import pytest

from accelsim.cost.call import Call, FoldedStep, LevelSteps
from accelsim.cost.causes import COLLECTIVE_LAUNCH, LINK_BYTES, LINK_LATENCY
from accelsim.cost.cost import Cost
from accelsim.engine.program import run_program
from accelsim.hardware.system import load_system
from accelsim.mapping.lower import lower
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.results.account import CONTENTION, account
from accelsim.results.bottleneck import WhatIf, causes_to_relieve, find_bottleneck, relieved_by
from accelsim.workload.group import Group
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.gemm import Gemm

SYSTEM = load_system("nvidia-dgx-a100:2")
HBM = SYSTEM.chip.memories["hbm"].bandwidth_bytes_per_s  # 2039 GB/s


def gemm(name, compute_s, hbm_bytes=0.0, launch_s=0.0):
    parts = {"compute": compute_s, "launch": launch_s}
    cost = Cost(compute_s + launch_s, {"hbm": hbm_bytes}, parts, "compute", energy_j=1.0)
    return PricedOperator(Gemm.of(64, 64, 64, name=name), cost)


def all_reduce(name, step_s, steps=2):
    """A collective whose steps move no bytes, so that its time is the latency of its steps."""
    cost = Cost.of_call(
        Call("all_reduce", 0, 2, "ring"), 0.0, [LevelSteps("nvlink", (FoldedStep(0, steps),), 1, step_s, 1e12)]
    )
    return PricedOperator(Collective.of("all_reduce", 64, Group("tp", 2), name=name), cost)


def book(*blocks, num_ranks=1):
    lowered = lower([tuple(blocks)], SYSTEM)
    timeline = run_program(lowered.program, "simpy")
    return account(lowered.blocks, timeline, num_ranks, "hbm"), timeline


def test_operators_in_a_row_add_up_and_repeat():
    # (1 ms + 2 ms + 0.5 ms launch) x 3 copies = 10.5 ms
    block = PricedBlock("b", 3, (gemm("one", 1e-3), gemm("two", 2e-3, launch_s=0.5e-3)), ((), (0,)))
    ledger, timeline = book(block)
    assert timeline.makespan_s == pytest.approx(10.5e-3)
    assert ledger.cause_s == pytest.approx({"compute": 9e-3, "launch": 1.5e-3})
    assert [(row.operator, row.count, row.time_s) for row in ledger.rows] == [
        ("one", 3, pytest.approx(3e-3)),
        ("two", 3, pytest.approx(7.5e-3)),
    ]


def test_bytes_flops_and_joules_are_those_of_all_ranks():
    ledger, _ = book(PricedBlock("b", 2, (gemm("one", 1e-3, hbm_bytes=1e6),), ((),)), num_ranks=4)
    assert ledger.traffic_bytes == {"hbm": 8e6}
    assert sum(ledger.role_bytes.values()) == pytest.approx(8e6)
    assert ledger.flops == 8 * 2 * 64**3
    assert ledger.dynamic_energy_j == 8.0


def test_communication_beside_the_stream_is_exposed_only_where_the_stream_rests():
    # one: 0..1 ms; then the all_reduce (2 x 1.5 ms) runs 1..4 ms while two runs 1..3 ms; three waits for both: 4..5 ms.
    # The stream works 4 ms, of the all_reduce the last 1 ms is exposed.
    block = PricedBlock(
        "b",
        1,
        (gemm("one", 1e-3), all_reduce("ar", 1.5e-3), gemm("two", 2e-3), gemm("three", 1e-3)),
        ((), (0,), (0,), (1, 2)),
    )
    ledger, timeline = book(block)
    assert timeline.makespan_s == pytest.approx(5e-3)
    assert ledger.cause_s == pytest.approx({"compute": 4e-3, LINK_LATENCY: 1e-3})


def test_memory_traffic_that_outlasts_the_operator_is_booked_as_contention():
    # 2 ms of HBM traffic behind 1 ms of work: the operator ends after 2 ms, and the ledger says why.
    ledger, _ = book(PricedBlock("b", 1, (gemm("one", 1e-3, hbm_bytes=2e-3 * HBM),), ((),)))
    assert ledger.cause_s == pytest.approx({"compute": 1e-3, CONTENTION: 1e-3})


def test_the_bottleneck_names_cause_share_operator_and_what_ifs():
    block = PricedBlock("b", 1, (gemm("small", 1e-3), gemm("large", 3e-3)), ((), (0,)))
    ledger, _ = book(block)
    bottleneck = find_bottleneck(ledger, [WhatIf("2x core clock", 2e-3, 2.0, "compute")])
    assert bottleneck.sentence == "100 % of the time compute-bound, most of it in large; 2x core clock gives 2.00x."


def test_only_causes_that_are_large_enough_to_gain_half_a_per_cent_are_worth_a_what_if():
    # Twice as fast, a share f gains 1 / (1 - f / 2): 1.005 at f = 0.995 %.  Here 0.99 and 1.0 % of the time are launch.
    for launch_s, causes in ((0.99e-5, ("compute",)), (1.0e-5, ("compute", "launch"))):
        ledger, _ = book(PricedBlock("b", 1, (gemm("one", 1e-3 - launch_s, launch_s=launch_s),), ((),)))
        assert causes_to_relieve(ledger) == causes


def test_contention_is_relieved_by_whatever_tasks_share():
    ledger, _ = book(PricedBlock("b", 1, (gemm("one", 1e-3, hbm_bytes=3e-3 * HBM, launch_s=1e-4),), ((),)))
    assert causes_to_relieve(ledger) == (CONTENTION, "compute", "launch")
    assert relieved_by(CONTENTION, "hbm")[0] == "hbm"
    assert relieved_by("compute", "hbm") == ("compute",)


def test_of_a_collective_its_launch_the_latency_of_its_steps_and_its_bytes_are_causes_of_their_own():
    # 1 ms of launch, two steps of 2 ms latency and 3 ms of bytes each; the stream works 1 ms before.
    steps = LevelSteps("nvlink", (FoldedStep(3_000_000, 2),), 1, 2e-3, 1e9)
    cost = Cost.of_call(Call("all_reduce", 0, 2, "ring"), 1e-3, [steps])
    assert cost.parts_s == pytest.approx({"launch": 1e-3, "nvlink": 6e-3, LINK_LATENCY: 4e-3})
    reduce = PricedOperator(Collective.of("all_reduce", 64, Group("tp", 2), name="ar"), cost)
    ledger, _ = book(PricedBlock("b", 1, (gemm("one", 1e-3), reduce), ((), (0,))))
    found = {"compute": 1e-3, COLLECTIVE_LAUNCH: 1e-3, LINK_LATENCY: 4e-3, LINK_BYTES: 6e-3}
    assert ledger.cause_s == pytest.approx(found)
    assert ledger.critical_cause_s == pytest.approx(found)
    assert ledger.exposed_s == pytest.approx(11e-3)


def test_the_bottleneck_is_what_the_latency_waits_for_and_not_what_is_busy_longest():
    # one 0..1; all_reduce 1..7 (2 x 3 ms) beside two 1..6; three 7..8.  The stream is busy 7 of 8 ms and only 1 ms of
    # the collective is exposed, yet 6 of the 8 ms wait for the collective: a faster core would gain 2 ms at most.
    block = PricedBlock(
        "b",
        1,
        (gemm("one", 1e-3), all_reduce("ar", 3e-3), gemm("two", 5e-3), gemm("three", 1e-3)),
        ((), (0,), (0,), (1, 2)),
    )
    ledger, timeline = book(block)
    assert timeline.makespan_s == pytest.approx(8e-3)
    assert ledger.cause_s == pytest.approx({"compute": 7e-3, LINK_LATENCY: 1e-3})
    assert ledger.critical_cause_s == pytest.approx({LINK_LATENCY: 6e-3, "compute": 2e-3})
    bottleneck = find_bottleneck(ledger)
    assert (bottleneck.cause, bottleneck.operator) == (LINK_LATENCY, "ar")
    assert bottleneck.fraction == pytest.approx(0.75)
    assert causes_to_relieve(ledger) == (LINK_LATENCY, "compute")
