"""Every number of a chip's file either changes a figure of some run, or its cost model says that it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from accelsim import Decode, Plan, Prefill, System, load_model, load_system, simulate
from accelsim.config.walk import fields_by_key
from accelsim.cost.base import COST_MODELS, unread_remark
from accelsim.errors import AccelsimError
from accelsim.results.unread import unread_warnings

#: A system of each cost model, and plans. Spare rows, which only spatial execution reads, have tests of their own.
SYSTEMS = {
    "bsp": ("graphcore-m2000", ("tp=1",)),
    "gpu": ("nvidia-dgx-h100:2", ("tp=2",)),  # at a limit of 300 W, where the voltage falls
    "manycore": ("tenstorrent-quietbox:2", ("tp=2",)),
    "mesh": ("cerebras-cs2", ("region=100x100",)),
    "systolic": ("google-tpu-v4-pod:4", ("tp=2",)),
}
#: Calibrated numbers have tests of their own; names and texts are no numbers; the grid is what regions are cut from.
SKIPPED = ("schema_version", "calibration", "core_grid", "dead_tiles")
FACTORS = (2.0, 0.25)
LIMITED = {"gpu": {"tdp_w": 300.0}}
DTYPE = load_model("llama2-7b").torch_dtype


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all numbers of a description."""
    if isinstance(value, bool | str) or value is None:
        return
    if isinstance(value, int | float):
        yield path
    elif hasattr(value, "model_fields_set"):
        for name in type(value).model_fields:
            yield from leaves(getattr(value, name), (*path, name))
    elif hasattr(value, "items"):
        for key, child in value.items():
            yield from leaves(child, (*path, key))


def scaled(value: Any, path: tuple[Any, ...], factor: float) -> Any:
    """The description with one number multiplied, or set where it is zero."""
    if not path:
        return type(value)(value * factor) or type(value)(1)
    head, *rest = path
    if hasattr(value, "model_copy"):
        return value.model_copy(update={head: scaled(getattr(value, head), tuple(rest), factor)})
    return {**value, head: scaled(value[head], tuple(rest), factor)}


def key_path(value: Any, path: tuple[Any, ...]) -> str:
    """The path as files spell it: keys without the suffix of their unit."""
    parts = []
    for name in path:
        if hasattr(value, "model_fields_set"):
            parts.append(
                next(k for k, info in fields_by_key(type(value)).items() if info is type(value).model_fields[name])
            )
            value = getattr(value, name)
        else:
            parts.append(getattr(name, "value", name))
            value = value[name]
    return ".".join(parts)


def figures(system: System, plans: tuple[str, ...]) -> list[str]:
    """What runs report, without what says how they were made."""
    model = load_model("llama2-7b").model_copy(update={"num_hidden_layers": 1, "vocab_size": 2048})
    found = []
    for plan in plans:
        for phase in (Prefill(1, 96), Decode(2, 64)):
            try:
                result = simulate(model, system, phase, plan, what_ifs=False, ignore_capacity=True)
            except AccelsimError as error:
                found.append(str(error))
                continue
            data = result.to_dict()
            found.append(json.dumps({k: v for k, v in data.items() if k not in ("manifest", "engine")}, sort_keys=True))
    return found


@cache
def unread(cost_model: str) -> frozenset[str]:
    """Key paths of the numbers that change nothing, whichever way they are changed."""
    name, plans = SYSTEMS[cost_model]
    system = load_system(name)
    system = replace(system, chip=system.chip.model_copy(update=LIMITED.get(cost_model, {})))
    base = figures(system, plans)
    found = set()
    for path in leaves(system.chip):
        if path[0] in SKIPPED:
            continue
        changed = (replace(system, chip=scaled(system.chip, path, factor)) for factor in FACTORS)
        if all(figures(one, plans) == base for one in changed):
            found.add(key_path(system.chip, path))
    return frozenset(found)


@pytest.mark.parametrize("cost_model", COST_MODELS.names())
def test_a_field_changes_a_figure_or_is_declared_unread(cost_model: str) -> None:
    name, _ = SYSTEMS[cost_model]
    system = load_system(name)
    silent = {
        path
        for path in unread(cost_model)
        if not unread_warnings(replace(system, overrides=((f"chip.{path}", "1"),)), {DTYPE}, Plan())
    }
    assert silent == set()


@pytest.mark.parametrize("cost_model", COST_MODELS.names())
def test_no_field_is_declared_unread_that_changes_a_figure(cost_model: str) -> None:
    name, _ = SYSTEMS[cost_model]
    chip = load_system(name).chip
    paths = {key_path(chip, path) for path in leaves(chip) if path[0] not in SKIPPED}
    assert {path for path in paths if unread_remark(chip, path, {DTYPE})} <= unread(cost_model)
