"""Launch profiles: a host in front of the kernels, and chains of row operators fused."""

from dataclasses import replace

import pytest

from accelsim import Decode, Prefill, load_model, simulate
from accelsim.engine.program import run_program
from accelsim.engine.run import simulate as run_graph
from accelsim.engine.taskgraph import TaskGraphBuilder
from accelsim.errors import ConfigError
from accelsim.hardware.level import LinkFault
from accelsim.hardware.profile import LaunchProfile
from accelsim.hardware.system import load_system
from accelsim.mapping.fuse import fuse
from accelsim.mapping.job import Job
from accelsim.mapping.lower import _sizes
from accelsim.mapping.plan import Plan
from accelsim.mapping.servers import HOST, STREAM
from accelsim.pipeline import play
from accelsim.workload.build import build_workload, own_recipe

US = 1e-6


def small_model(layers=9):
    return load_model("gpt2-xl").model_copy(update={"num_hidden_layers": layers})


def played(dispatch_us, phase, system="nvidia-h100-sxm", plan="tp=1", layers=9):
    model, machine = small_model(layers), load_system(system)
    profile = LaunchProfile(name="test", dispatch_s=dispatch_us * US)
    return play(Job(model, machine, phase, Plan.parse(plan), own_recipe(model), profile=profile))


def unfolded_ticks(found, dispatch_us, passes):
    """The same run as one graph without stages: a host chain through each pass beside a chain of blocks."""
    lowered, memory = found.mapped, "hbm"
    builder = TaskGraphBuilder()
    host, stream = builder.server(HOST), builder.server(STREAM)
    graph = lowered.program.stages[0].graph
    link = builder.link(memory, graph.capacity_bytes_per_s[list(graph.links).index(memory)])
    blocks = [b for stage, b in zip(lowered.program.stages, lowered.blocks, strict=True) for _ in range(stage.repeat)]
    dispatched, exit_task = [], []
    for index, block in enumerate(blocks):
        if index % (len(blocks) // passes) == 0:
            dispatched = list(exit_task)  # the host waits for the token of the pass before
        done = []
        for priced, predecessors in zip(block.operators, block.predecessors, strict=True):
            dispatched = [builder.task("dispatch", host, dispatch_us * US, after=dispatched)]
            work_s, nbytes, launch_s = _sizes(priced.cost, memory)
            after = [*(done[p] for p in predecessors), *(exit_task if not predecessors else ()), *dispatched]
            route = (link,) if nbytes else ()
            done.append(builder.task(priced.operator.name, stream, work_s, nbytes, route, launch_s, after=after))
        exit_task = [done[-1]]
    return run_graph(builder.build()).makespan_ticks


@pytest.mark.parametrize("dispatch_us", [0.5, 5.0, 9.0, 14.0, 40.0])
@pytest.mark.parametrize(
    "phase", [Prefill(1, 64), Prefill(2, 1000), Decode(1, 512, 3)], ids=["short", "long", "decode"]
)
def test_folding_with_a_host_is_exact(dispatch_us, phase):
    found = played(dispatch_us, phase)
    passes = 3 if isinstance(phase, Decode) else 1
    assert found.timeline.makespan_ticks == unfolded_ticks(found, dispatch_us, passes)
    assert sum(stage.repeat for stage in found.mapped.program.stages) == passes * 11


def test_a_slow_host_decides_and_a_quick_one_is_hidden():
    phase = Prefill(1, 64)
    captured, quick, slow = (played(us, phase) for us in (0.0, 0.1, 50.0))
    stages = zip(slow.mapped.program.stages, slow.mapped.blocks, strict=True)
    num_operators = sum(stage.repeat * len(block.operators) for stage, block in stages)
    last_kernel_s = slow.mapped.blocks[-1].operators[-1].cost.work_s
    assert slow.timeline.makespan_s == pytest.approx(num_operators * 50 * US + last_kernel_s, rel=1e-6)
    assert captured.timeline.makespan_s < quick.timeline.makespan_s < captured.timeline.makespan_s + 1 * US
    assert len(slow.mapped.program.stages) <= 6


def test_time_by_cause_names_the_host_and_adds_up():
    result = simulate(
        "gpt2-xl", "nvidia-h100-sxm", Prefill(1, 64), profile="eager", overrides=[("profile.dispatch", "30 us")]
    )
    assert result.ledger.cause_s["host"] > 0.5 * result.latency_s
    assert sum(result.ledger.cause_s.values()) == pytest.approx(result.latency_s)
    assert result.bottleneck.cause == "host"
    assert result.bottleneck.what_ifs[0].change == "a captured graph"
    assert result.manifest["profile"] == result.profile == "eager"
    assert result.table("servers")["server"].tolist().count("host") == 1


def test_one_host_feeds_all_ranks_where_a_slow_link_unfolds_them():
    system = load_system("nvidia-dgx-a100:5")
    (level,) = system.levels.values()
    barely_slow = LinkFault(src=2, dst=5, capacity_fraction=0.999999)
    spec = level.spec.model_copy(update={"faults": (barely_slow,)})
    unfolded = replace(system, levels={level.name: replace(level, spec=spec)})
    folded_s, unfolded_s = (
        simulate("gpt2-xl", machine, Decode(1, 64), "tp=5", profile="eager", what_ifs=False).latency_s
        for machine in (system, unfolded)
    )
    assert unfolded_s == pytest.approx(folded_s, rel=1e-3)


def test_the_default_profile_is_the_captured_graph():
    plain = simulate("gpt2-xl", "nvidia-h100-sxm", Prefill(1, 64), what_ifs=False)
    graph = simulate("gpt2-xl", "nvidia-h100-sxm", Prefill(1, 64), profile="graph", what_ifs=False)
    assert plain.latency_s == graph.latency_s
    assert "host" not in plain.ledger.cause_s
    assert plain.profile == "graph"


def test_compiled_fuses_additions_with_norms_and_saves_their_launches():
    graph = build_workload(load_model("llama3-8b"), Prefill(1, 128)).segments[1].graph
    fused = fuse(graph)
    assert [op.name for op in fused if op.kind == "fused"] == ["attn.add+mlp.norm"]
    assert fused.flops == graph.flops
    assert {t.name for t in fused.weights} == {t.name for t in graph.weights}
    for phase in (Prefill(1, 128), Decode(8, 1024)):
        times = [
            simulate("llama3-8b", "nvidia-h100-sxm", phase, profile=name, what_ifs=False).latency_s
            for name in ("compiled", "graph")
        ]
        assert times[0] < times[1]


def test_a_profile_on_a_chip_without_kernels_is_a_named_warning():
    result = simulate("llama3-8b", "google-tpu-v4-pod:4", Prefill(1, 128), profile="eager", what_ifs=False)
    assert any("profile eager is ignored" in text for text in result.warnings)
    assert result.profile == ""


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"unknown profile .*Known: eager, .*Did you mean 'eager'"):
        simulate("gpt2-xl", "nvidia-h100-sxm", Prefill(1, 64), profile="eeger")


def test_the_program_with_a_host_runs_alike_on_both_engines():
    program = played(9.0, Prefill(1, 64)).mapped.program
    assert run_program(program, "simpy").makespan_ticks == run_program(program, "compiled").makespan_ticks
