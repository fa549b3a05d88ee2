"""A plan: how the work of a model is divided over the chips of a system and the cores of a chip."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from accelsim.dtypes import DType
from accelsim.errors import PlanError

#: Keys other tools know that no stage here models yet: named in the error instead of being ignored.
NOT_MODELLED = ("pp", "sp", "cp", "schedule", "recompute", "zero_stage")

OBJECTIVES = ("byte_hops", "latency")
EXECUTIONS = ("whole_chip", "spatial", "weight_streaming")


@dataclass(frozen=True, slots=True)
class Plan:
    """Degrees of parallelism and the way one chip executes its share.

    Attributes:
        tp: Tensor-parallel degree: heads, FFN and vocabulary are divided over ``tp`` chips (Megatron style).
        dp: Data-parallel degree: ``dp`` replicas of the model each take ``batch / dp`` sequences.
        ep: Expert-parallel degree: experts are divided over ``ep`` neighbouring ranks, inside a tensor-parallel group
            or over several; see :mod:`accelsim.mapping.experts`.
        dispatch: Element type of tokens on their way to experts of other ranks; None takes that of the activations.
        execution: ``whole_chip``: each operator spans the chip, or ``region`` of it, one after another.
        region: Rows and columns of cores an operator spans; None is the whole grid.  Layers then fill as many
            regions as their weights need, and a token visits them in turn.
        placer: Spatial: who finds the rectangles; None takes the default.
        chunk: Spatial: tokens of a prompt, or requests that decode, which walk through the rectangles together; None
            takes the number with the smallest estimated latency.
        granularity: Spatial: what shares a rectangle: ``layer``, ``block`` (attention, MLP) or ``operator``.
        objective: Spatial: what placers make least: ``byte_hops`` or the estimated ``latency``.

    Ranks are numbered tp fastest, then dp, so that tensor-parallel groups sit on neighbouring chips.
    """

    tp: int = 1
    dp: int = 1
    ep: int = 1
    dispatch: DType | None = None
    execution: str = "whole_chip"
    region: tuple[int, int] | None = None
    placer: str | None = None
    chunk: int | None = None
    granularity: str = "block"
    objective: str = "byte_hops"

    def __post_init__(self) -> None:
        for name in ("tp", "dp", "ep"):
            degree = getattr(self, name)
            if not isinstance(degree, int) or degree < 1:
                raise PlanError(f"plan: {name} must be an integer >= 1, got {degree!r}.")
        if self.execution not in EXECUTIONS:
            raise PlanError(f"plan: unknown execution {self.execution!r}. Allowed: {', '.join(EXECUTIONS)}.")
        if self.objective not in OBJECTIVES:
            raise PlanError(f"plan: unknown objective {self.objective!r}. Allowed: {', '.join(OBJECTIVES)}.")
        if self.region is not None and min(self.region) < 1:
            raise PlanError(f"plan: region must be ROWSxCOLS with both >= 1, got {self.region!r}.")
        if self.dispatch is not None and self.ep <= self.tp:
            raise PlanError(f"plan: dispatch has no meaning unless ep > tp, got ep={self.ep}, tp={self.tp}.")
        if self.chunk is not None and self.chunk < 1:
            raise PlanError(f"plan: chunk must be an integer >= 1, got {self.chunk!r}.")
        self._check_execution()

    def _check_execution(self) -> None:
        """Refuse keys that the execution does not use."""
        if self.execution != "spatial":
            for name in ("placer", "chunk", "granularity", "objective"):
                if getattr(self, name) != _DEFAULTS[name]:
                    raise PlanError(f"plan: {name} has no meaning with execution={self.execution}. Use spatial.")
        if self.execution != "whole_chip":
            for name in ("tp", "dp", "ep", "dispatch", "region"):
                if getattr(self, name) != _DEFAULTS[name]:
                    raise PlanError(f"plan: {name} has no meaning with execution={self.execution}. Leave {name} out.")

    @property
    def num_ranks(self) -> int:
        """Chips the plan uses."""
        return self.tp * self.dp

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Plan from ``"tp=8,dp=2,region=480x480"``; keys not named keep their defaults.

        Raises:
            PlanError: Unknown key, malformed value, or a key that is not modelled.
        """
        values: dict[str, Any] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            key, equals, value = (piece.strip() for piece in item.partition("="))
            if not equals or not value:
                raise PlanError(f"plan: {item!r} is not KEY=VALUE. Write e.g. 'tp=8,region=480x480', or 'auto'.")
            if key in values:
                raise PlanError(f"plan: {key!r} is given twice in {text!r}.")
            values[key] = _parse_value(key, value)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``region`` as ``"480x480"``, ``dispatch`` as ``"fp8"``."""
        data = asdict(self)
        data["dispatch"] = None if self.dispatch is None else self.dispatch.value
        data["region"] = None if self.region is None else format_region(self.region)
        return data

    def __str__(self) -> str:
        default = Plan()
        parts = [f"{k}={v}" for k, v in self.to_dict().items() if v is not None and getattr(default, k) != v]
        return ",".join(parts) or "tp=1"


def format_region(region: tuple[int, int]) -> str:
    """``"480x480"`` of ``(480, 480)``."""
    return f"{region[0]}x{region[1]}"


def _parse_value(key: str, value: str) -> int | str | DType | tuple[int, int]:
    if key in NOT_MODELLED:
        raise PlanError(f"plan: {key!r} is not modelled yet. Modelled: {', '.join(Plan.__slots__)}.")
    if key not in Plan.__slots__:
        near = difflib.get_close_matches(key, (*Plan.__slots__, *NOT_MODELLED), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise PlanError(f"plan: unknown key {key!r}. Known: {', '.join(Plan.__slots__)}.{hint}")
    if key in ("execution", "placer", "granularity", "objective"):
        return value
    if key == "dispatch":
        try:
            return DType(value)
        except ValueError:
            known = ", ".join(dtype.value for dtype in DType)
            raise PlanError(f"plan: dispatch: unknown type {value!r}. Known: {known}.") from None
    if key == "region":
        match = re.fullmatch(r"(\d+)x(\d+)", value)
        if match is None:
            raise PlanError(f"plan: region {value!r} is not ROWSxCOLS. Write e.g. 'region=480x480'.")
        return int(match[1]), int(match[2])
    if not re.fullmatch(r"-?\d+", value):
        raise PlanError(f"plan: {key} must be an integer, got {value!r}. Write e.g. '{key}=8'.")
    return int(value)


#: Meaning of each key for ``accelsim explain plan.KEY``.
PLAN_HELP: Mapping[str, str] = {
    "tp": "Tensor-parallel degree: heads, FFN and vocabulary are divided over tp chips.",
    "dp": "Data-parallel degree: dp replicas of the model each take batch / dp sequences.",
    "ep": "Expert-parallel degree: experts are divided over ep neighbouring ranks; a divisor or a multiple of tp.",
    "dispatch": "Element type of tokens on their way to experts of other ranks, e.g. fp8; default: the activations'.",
    "execution": "How a chip runs its share: whole_chip = each operator spans the chip or a region of it; "
    "spatial = groups of operators own rectangles of tiles and activations stream; weight_streaming = weights come in "
    "over the host link layer by layer.",
    "region": "ROWSxCOLS of cores one operator spans; layers fill as many regions as their weights need.",
    "placer": "Spatial: who finds the rectangles of the groups; see accelsim show placers.",
    "chunk": "Spatial: tokens of a prompt, or requests that decode, that walk through the rectangles together.",
    "objective": "Spatial: what placers make least: byte_hops (bytes x hops) or latency (estimated seconds).",
    "granularity": "Spatial: what shares a rectangle: layer, block (attention, MLP) or operator.",
}
_DEFAULTS: Mapping[str, object] = {f.name: f.default for f in fields(Plan)}
