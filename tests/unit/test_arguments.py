"""A call of the public API that cannot be meant ends in words that say what to give."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import accelsim as a
from accelsim.arguments import checked_call, listed, shown
from accelsim.errors import AccelsimError, ConfigError

DECODE = a.Decode(batch=1, context=8)
#: What a new user may write, and what the error has to say.
WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "a size left out": (lambda: a.Decode(batch=8), r"Decode: context must be given. Write e.g. Decode\(batch=8, cont"),
    "all sizes left out": (lambda: a.Prefill(), "batch and prompt must be given"),
    "a size twice": (lambda: a.Decode(8, batch=8), "batch is given twice"),
    "a size too many": (lambda: a.Decode(8, 10, 1, 2), "4 given by their place; it takes batch, context, steps"),
    "a size of another phase": (lambda: a.Prefill(batch=8, context=3), "has no 'context'. It has: batch, prompt"),
    "no spans": (lambda: a.Mixed(None), "spans: expected a list, got None"),
    "numbers as spans": (lambda: a.Mixed([1, 2]), "span: expected tuple or list, got 1"),
    "a plan as text": (lambda: a.Plan("tp=8"), r"others by name. Write e.g. Plan\(tp=8, dp=2\), or Plan.parse"),
    "a degree that is not given": (lambda: a.Plan(tp=None), "tp must be an integer >= 1, got None"),
    "a degree of yes": (lambda: a.Plan(tp=True), "tp must be an integer >= 1, got True"),
    "a region as text": (lambda: a.Plan(region="4x4"), r"region must be \(ROWS, COLS\), got '4x4'"),
    "a region of one number": (lambda: a.Plan(region=(4,)), r"region must be \(ROWS, COLS\)"),
    "an order that is a number": (lambda: a.Plan(order=3), "order must be a text, got 3"),
    "an execution that is a number": (lambda: a.Plan(execution=3), "execution: expected a text, got 3"),
    "a number parsed as a plan": (lambda: a.Plan.parse(8), "plan: expected a text, got 8"),
    "a class as a phase": (lambda: a.simulate("gpt2-xl", "nvidia-h100-sxm", a.Decode), "got the class Decode"),
    "a key of a plan": (lambda: a.simulate("gpt2-xl", "nvidia-h100-sxm", DECODE, tp=8), "key of the plan: plan='tp"),
    "a size of a phase": (lambda: a.simulate("gpt2-xl", "nvidia-h100-sxm", batch=8), "size of the phase: phase=Decode"),
    "no case": (lambda: a.simulate(), "simulate: case must be given. Write e.g. simulate"),
    "no phase": (lambda: a.Case("gpt2-xl", "nvidia-h100-sxm"), "Case: phase must be given"),
    "no mapping": (lambda: a.Case.from_dict(None), "expected a mapping, got None"),
    "a number of machines": (lambda: a.compare("gpt2-xl", 3, DECODE), "systems: expected a list, got 3"),
    "a step in words": (lambda: a.sensitivity("gpt2-xl", "nvidia-h100-sxm", DECODE, step="x"), "expected a number"),
    "no results": (lambda: a.diff(1, 2), "expected Result or SavedResult, got 1"),
    "a folder as folders": (lambda: a.Catalog("mine"), r"list of folders, got 'mine'. Write e.g. Catalog\(\['mine'\]"),
    "an element type": (lambda: a.DType("fp7"), "unknown element type 'fp7'. Known: fp32, tf32"),
    "a format": (lambda: a.Format.parse(3), "expected a text, got 3"),
    "a model by name": (lambda: a.Model("llama3-8b"), "'llama3-8b' is given without a name"),
    "an empty model": (lambda: a.Model(name="x"), "num_attention_heads must be given"),
    "a model as a number": (lambda: a.load_model(3), "expected a text or Path, got 3"),
    "a system as a number": (lambda: a.load_system(3), "expected a text or Path, got 3"),
    "chips as overrides": (lambda: a.load_system("nvidia-dgx-h100", 8), "expected a list, got 8"),
    "an override that is no text": (lambda: a.load_system("nvidia-dgx-h100", {"chip.clock": 3}), "no pair of texts"),
    "a workload of a name": (lambda: a.build_workload("gpt2-xl", DECODE), r"got 'gpt2-xl'. Write e.g. load_model"),
    "a graph that is none": (lambda: a.system_of_graph("nvidia-h100-sxm", "x"), "expected a graph of networkx"),
    "a system by name to save": (lambda: a.save_system("nvidia-dgx-h100", "x.yaml"), "expected System, got"),
    "a graph of tasks": (lambda: a.simulate_tasks(3), "expected TaskGraph, got 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_says_what_to_give(name: str) -> None:
    call, said = WRONG[name]
    with pytest.raises(AccelsimError, match=said):
        call()


def test_whole_numbers_of_numpy_are_numbers() -> None:
    assert a.Decode(np.int64(8), np.int32(100)) == a.Decode(8, 100)
    assert type(a.Decode(np.int64(8), 100).batch) is int
    assert a.Plan(tp=np.int64(2)) == a.Plan(tp=2)


def test_a_system_is_loaded_from_a_path_with_a_mapping_of_overrides(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    a.save_system(a.load_system("nvidia-dgx-h100:8"), file)
    assert a.load_system(file, {"chip.clock": "1.5 GHz"}).chip.clock_hz == 1.5e9


def test_phases_are_copied_and_pickled_as_before() -> None:
    assert pickle.loads(pickle.dumps(DECODE)) == copy.copy(DECODE) == DECODE


def test_an_error_inside_a_right_call_stays_what_it_is() -> None:
    @checked_call("halve(4)")
    def halve(number: int) -> float:
        return number / 2

    assert halve(4) == 2
    with pytest.raises(TypeError, match="unsupported operand"):
        halve("x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"halve: number must be given. Write e.g. halve\(4\)"):
        halve()  # type: ignore[call-arg]


def test_names_are_listed_as_in_a_sentence() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_a_number_of_very_many_digits_is_shown_by_its_length() -> None:
    assert shown(10**30) == str(10**30)
    assert shown(10**5000) == "a whole number of 16,610 bits"
