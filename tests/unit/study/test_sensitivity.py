"""Elasticities that can be known beforehand, and break-even points that can be checked by running them."""

import pytest

from accelsim import Decode, Prefill, load_system, simulate
from accelsim.errors import ConfigError
from accelsim.study.break_even import break_even
from accelsim.study.parameters import find_parameter, parameters, scaled
from accelsim.study.sensitivity import Experiment, measure

NAME = "nvidia-dgx-a100:2"
SYSTEM = load_system(NAME)
#: Out of reach of its power limit, where idle power would cost clocks.
UNLIMITED = load_system(NAME, overrides=(("chip.tdp", "800 W"),))


@pytest.fixture(scope="module")
def experiment():
    result = simulate("llama3-8b", UNLIMITED, Prefill(1, 256), "tp=2", what_ifs=False)
    return Experiment.after(result)


@pytest.fixture(scope="module")
def found(experiment):
    return measure(experiment, only=("chip.idle", "chip.memories", "chip.tdp", "system.levels", "chip.clock"))


def test_parameters_are_the_numbers_of_the_files_with_their_sources():
    paths = {p.path: p for p in parameters(SYSTEM)}
    hbm = paths["chip.memories.hbm.bandwidth"]
    assert (hbm.value, hbm.text, hbm.kind) == (2039e9, "2.039 TB/s", "datasheet")
    assert paths["chip.busy"].kind == "assumed"
    assert "system.levels.nvlink.link.bandwidth" in paths
    assert not [p for p in paths if "checks" in p or p.endswith((".size", "core_grid", "_range", "schema_version"))]


def test_every_parameter_can_be_scaled_and_nothing_else_changes():
    before = {p.path: p.value for p in parameters(SYSTEM)}
    for path, value in before.items():
        system, real = scaled(SYSTEM, path, 0.5)
        after = {p.path: p.value for p in parameters(system)}
        changed = {p for p in before if after.get(p) != before[p]}
        assert changed == {path}
        assert after[path] == pytest.approx(value * real)


def test_a_share_stays_at_or_below_one():
    path = "system.levels.nvlink.collectives.protocols.simple.efficiency"
    value = find_parameter(SYSTEM, path).value
    system, real = scaled(SYSTEM, path, 100.0)
    assert find_parameter(system, path).value == 1.0
    assert real == pytest.approx(1.0 / value)


def test_idle_power_moves_energy_by_its_share_and_time_not_at_all(experiment, found):
    idle = next(i for i in found.influences if i.parameter.path == "chip.idle")
    result = simulate("llama3-8b", UNLIMITED, Prefill(1, 256), "tp=2", what_ifs=False)
    assert idle.latency_elasticity == 0.0
    # Energy = dynamic + idle x time: d ln E / d ln idle = static share (the step of 10 % is exact for a straight line
    # up to second order).
    assert idle.energy_elasticity == pytest.approx(result.energy.static_j / result.energy.total_j, rel=0.01)


def test_a_power_limit_out_of_reach_moves_nothing_and_faster_memory_never_slows(found):
    by_path = {i.parameter.path: i for i in found.influences}
    assert by_path["chip.tdp"].latency_elasticity == by_path["chip.tdp"].energy_elasticity == 0.0
    assert -1.0 <= by_path["chip.memories.hbm.bandwidth"].latency_elasticity < 0.0
    assert -1.0 <= by_path["system.levels.nvlink.link.bandwidth"].latency_elasticity < 0.0
    assert by_path["chip.clock"].high.latency_s < found.base.latency_s < by_path["chip.clock"].low.latency_s


def test_influences_are_sorted_and_the_most_influential_assumption_is_named(found):
    sizes = [abs(i.latency_elasticity) for i in found.influences]
    assert sizes == sorted(sizes, reverse=True)
    assumed = [i for i in found.influences if i.parameter.kind == "assumed"]
    assert found.most_assumed == max(assumed, key=lambda i: abs(i.latency_elasticity))
    data = found.to_dict()
    assert data["most_assumed"] == found.most_assumed.parameter.path
    assert len(data["parameters"]) == len(found.influences)


def test_the_break_even_point_is_where_both_take_the_same_time(experiment):
    path = "system.levels.nvlink.link.bandwidth"
    goal_s = experiment.run().latency_s * 1.2
    found = break_even(experiment, path, goal_s)
    assert len(found.crossings) == 1
    crossing = found.crossings[0]
    assert crossing.factor < 1.0  # a slower link makes it 20 % slower
    assert crossing.wins_above
    assert experiment.run(scaled(experiment.system, path, crossing.factor)[0]).latency_s == pytest.approx(
        goal_s, rel=1e-3
    )


def test_where_the_order_never_turns_there_is_no_break_even_point(experiment):
    found = break_even(experiment, "chip.memories.hbm.latency", experiment.run().latency_s / 2)
    assert found.crossings == ()
    assert found.lowest_s == found.highest_s == found.latency_s


def test_bad_requests_are_refused_in_words(experiment):
    with pytest.raises(ConfigError, match=r"step: 1000% is not above 0 and at most 900%"):
        measure(experiment, step=10.0)
    with pytest.raises(ConfigError, match=r"--only chip\.foo: no parameter"):
        measure(experiment, only=["chip.foo"])
    with pytest.raises(ConfigError, match=r"Did you mean 'chip\.clock'"):
        break_even(experiment, "chip.clok", 1.0)


def test_a_wafer_has_parameters_of_its_network_and_none_of_links():
    result = simulate("llama3-8b", "cerebras-cs2", Decode(1, 128), "tp=1", what_ifs=False)
    experiment = Experiment.after(result)
    found = measure(experiment, only=["chip.noc"])
    assert {i.parameter.path for i in found.influences} >= {"chip.noc.hop_latency", "chip.noc.link_bandwidth"}
    assert found.influences[0].latency_elasticity > 0  # a slower hop is a slower token


def test_a_step_of_all_of_it_halves_and_doubles(experiment):
    path = "chip.memories.hbm.bandwidth"
    (found,) = measure(experiment, step=1.0, only=[path]).influences
    systems = (load_system(NAME, overrides=(("chip.tdp", "800 W"), (path, text))) for text in ("0.5x", "2x"))
    half, twice = (simulate("llama3-8b", one, Prefill(1, 256), "tp=2", what_ifs=False).latency_s for one in systems)
    assert (found.low.latency_s, found.high.latency_s) == (pytest.approx(half), pytest.approx(twice))
