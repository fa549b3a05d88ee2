"""A plan: how the work of a model is divided over the chips of a system and the cores of a chip."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accelsim.arguments import checked_call, expect, whole
from accelsim.errors import PlanError
from accelsim.mapping.mesh import Mesh
from accelsim.mapping.parallel.keys import NOT_MODELLED, PARALLEL_KEYS
from accelsim.mapping.plan_keys import (
    DEFAULT_EXECUTION,
    KEY_READERS,
    PlanKey,
    keys_of,
    known_keys,
    readers_of,
    refuse_foreign,
)

_EXECUTION_HELP = (
    "How a chip runs its share: whole_chip = each operator spans the chip or a region of it; "
    "spatial = groups of operators own rectangles of tiles and activations stream; weight_streaming = weights come in "
    "over the host link layer by layer; fused = sections of operators share the cores, weights stream in section by "
    "section."
)


@checked_call("Plan(tp=8, dp=2), or Plan.parse('tp=8,dp=2')")
@dataclass(frozen=True, init=False, repr=False)
class Plan:
    """Degrees of parallelism and the way one chip executes its share.

    Every key is an argument and an attribute: ``Plan(tp=8, region=(4, 4)).tp``.  Keys are declared where they are read
    (:mod:`accelsim.mapping.plan_keys`); a key that the plan's execution does not read has its default.  Plans compare
    by value: a key left out and a key given its default are the same.

    Attributes:
        execution: Name of the execution.
        settings: Name and value of every key that has not its default, in the order of declaration.

    Raises:
        PlanError: Unknown key or execution, a value out of range, or a key that has no meaning with the execution.

    Examples:
        >>> plan = Plan.parse("tp=8,region=4x4")
        >>> plan == Plan(tp=8, region=(4, 4)), plan.tp, plan.dp, str(plan.replace(tp=2))
        (True, 8, 1, 'tp=2,region=4x4')
    """

    execution: str
    settings: tuple[tuple[str, Any], ...]

    def __init__(
        self, *, execution: str = DEFAULT_EXECUTION, settings: tuple[tuple[str, Any], ...] = (), **values: Any
    ) -> None:
        given = {name: whole(value) for name, value in {**dict(settings), **values}.items()}
        expect(execution, str, "plan: execution", "execution='spatial'")
        own, known = keys_of(execution), known_keys()
        refuse_foreign(execution, [key for key in map(_known, given) if given[key.name] != key.default])
        every = {name: given.get(name, key.default) for name, key in known.items()}
        for key in own:
            key.check(every)
        changed = tuple((key.name, every[key.name]) for key in own if every[key.name] != key.default)
        object.__setattr__(self, "execution", execution)
        object.__setattr__(self, "settings", changed)
        self.__dict__.update(every)

    def __getattr__(self, name: str) -> Any:
        """The default of a key that was declared after the plan was made; the others are attributes."""
        key = None if name.startswith("_") else known_keys().get(name)
        if key is None:
            raise AttributeError(f"a plan has no key {name!r}")
        return key.default

    @cached_property
    def mesh(self) -> Mesh:
        """The ranks by axis, in the order of the plan."""
        sizes = dict(self.degrees)
        return Mesh(tuple((axis, sizes[axis]) for axis in self.order.split("-")))

    @property
    def num_ranks(self) -> int:
        """Chips the plan uses."""
        return self.mesh.num_ranks

    @property
    def degrees(self) -> tuple[tuple[str, int], ...]:
        """Name and value of the keys that multiply the ranks."""
        return tuple((key.name, getattr(self, key.name)) for key in known_keys().values() if key.counts_ranks)

    def replace(self, **changes: Any) -> Plan:
        """The plan with some keys changed; :func:`dataclasses.replace` does the same."""
        return Plan(**{"execution": self.execution, "settings": self.settings, **changes})

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Plan from ``"tp=8,dp=2,region=480x480"``; keys not named keep their defaults.

        Raises:
            PlanError: Unknown key, malformed value, or a key that is not modelled.
        """
        expect(text, str, "plan", "'tp=8,dp=2'")
        texts: dict[str, str] = {}
        for key, value in _items(text):
            if key in texts:
                raise PlanError(f"plan: {key!r} is given twice in {text!r}.")
            texts[key] = value
        execution = texts.pop("execution", DEFAULT_EXECUTION)
        return cls(execution=execution, **{name: _known(name).kind.read(name, value) for name, value in texts.items()})

    def to_dict(self) -> dict[str, Any]:
        """Every key that the execution reads as plain data; ``region`` as ``"480x480"``, ``dispatch`` as ``"fp8"``."""
        shown = {key.name: key.show(getattr(self, key.name)) for key in keys_of(self.execution)}
        return {"execution": self.execution, **shown}

    def __str__(self) -> str:
        known = known_keys()
        shown = [(name, known[name].show(value)) for name, value in self.settings]
        degrees = {key.name for key in PARALLEL_KEYS}
        parts = [pair for pair in shown if pair[0] in degrees]
        if self.execution != DEFAULT_EXECUTION:
            parts.append(("execution", self.execution))
        parts += [pair for pair in shown if pair[0] not in degrees]
        return ",".join(f"{name}={value}" for name, value in parts) or "tp=1"

    def __repr__(self) -> str:
        return f"Plan.parse({str(self)!r})"


def explain_key(name: str) -> Mapping[str, str] | None:
    """Meaning, default and executions of a key for ``accelsim explain plan.KEY``; None if there is no such key."""
    if name == "execution":
        return {"meaning": _EXECUTION_HELP, "default": DEFAULT_EXECUTION, "allowed": ", ".join(KEY_READERS.names())}
    key = known_keys().get(name)
    if key is None:
        return None
    return {"meaning": key.help, "default": str(key.show(key.default)), "with": ", ".join(readers_of(key))}


def spatial_plan(plan: Plan | str) -> Plan:
    """A plan of spatial execution, which goes without saying in text; ``auto`` is its defaults.

    Raises:
        PlanError: A malformed text, or a plan of another execution.
    """
    if isinstance(plan, str):
        named = "" if plan == "auto" else plan
        stated = any(item.partition("=")[0].strip() == "execution" for item in named.split(","))
        plan = Plan.parse(named if stated else f"execution=spatial,{named}")
    if plan.execution != "spatial":
        raise PlanError(f"plan: only execution=spatial places groups on tiles, got {plan.execution!r}.")
    return plan


def _items(text: str) -> Iterator[tuple[str, str]]:
    for item in filter(None, (piece.strip() for piece in text.split(","))):
        key, equals, value = (piece.strip() for piece in item.partition("="))
        if not equals or not value:
            raise PlanError(f"plan: {item!r} is not KEY=VALUE. Write e.g. 'tp=8,region=480x480', or 'auto'.")
        yield key, value


def _known(name: str) -> PlanKey:
    """The key called ``name``; an error that knows keys of other tools and near ones if there is none."""
    known = known_keys()
    if name in known:
        return known[name]
    names = [*(key.name for key in PARALLEL_KEYS), "execution"]
    names += [other for other in known if other not in names]
    if name in NOT_MODELLED:
        raise PlanError(f"plan: {name!r} is not modelled yet. Modelled: {', '.join(names)}.")
    near = difflib.get_close_matches(name, (*names, *NOT_MODELLED), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise PlanError(f"plan: unknown key {name!r}. Known: {', '.join(names)}.{hint}")
