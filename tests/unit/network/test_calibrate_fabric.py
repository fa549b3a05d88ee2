"""Numbers of a fabric from measured calls of several machines."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.cost.call import Call
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_system
from accelsim.network.calibrate import FittedParameter
from accelsim.network.calibrate_fabric import MeasuredCall, fit_fabric, with_numbers
from accelsim.network.collective import collective_steps

LATENCY, RATE = "protocols.simple.step_latency_s", "protocols.simple.efficiency"
SYSTEMS = [load_system("aws-p5:16"), load_system("aws-p6-b200:32")]


def calls_of(truth: dict[str, float]) -> list[MeasuredCall]:
    found = []
    for system in SYSTEMS:
        machine = with_numbers(system, truth)
        for nbytes in (2**22, 2**26, 2**30, 2**33):
            call = Call("all_reduce", nbytes, system.num_chips, "ring")
            found.append(MeasuredCall(call, system, collective_steps(call, machine).work_s))
    return found


def test_a_fit_to_made_times_finds_the_numbers_they_were_made_with() -> None:
    truth = {LATENCY: 40e-6, RATE: 0.8}
    start = {LATENCY: FittedParameter(60e-6, 1e-7, 1e-3), RATE: FittedParameter(0.95, 0.1, 1.0)}
    fit = fit_fabric(calls_of(truth), start)
    assert fit.values == pytest.approx(truth, rel=0.01)
    assert np.abs(fit.ratio - 1).max() < 0.01


def test_one_number_may_stand_in_several_places() -> None:
    both = with_numbers(SYSTEMS[0], {f"{RATE}|algorithms.in_network.protocols.simple.efficiency": 0.5})
    spec = both.levels["efa"].collectives
    assert spec.protocols["simple"].efficiency == 0.5
    assert spec.algorithms["in_network"].protocols["simple"].efficiency == 0.5
    assert SYSTEMS[0].levels["efa"].collectives.protocols["simple"].efficiency != 0.5


@pytest.mark.parametrize("path", ["protocols.ll129.efficiency", "protocols.simple.speed"])
def test_a_number_that_the_calibration_does_not_have_is_named(path: str) -> None:
    with pytest.raises(ConfigError, match=rf"aws-p5: system.levels.efa.collectives: no '{path}'. Known: "):
        with_numbers(SYSTEMS[0], {path: 1.0})


def test_nothing_measured_is_nothing_to_fit_to() -> None:
    with pytest.raises(ConfigError, match="no measured calls"):
        fit_fabric([], {LATENCY: FittedParameter(1e-6, 1e-7, 1e-3)})
