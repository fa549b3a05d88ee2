"""The project's own placers on public problems: value, reference, gap and time of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accelsim.errors import ConfigError
from accelsim.mapping.placement.arrange import arrange
from accelsim.mapping.placement.base import PLACERS
from accelsim.registry import did_you_mean
from accelsim.validation.placement.assignment import assignments
from accelsim.validation.placement.files import Folder
from accelsim.validation.placement.floorplan import floorplans
from accelsim.validation.placement.instance import Instance
from accelsim.validation.placement.wafer import wafers

#: Readers of the kinds of problems.
KINDS: dict[str, Callable[[Folder], Iterator[Instance]]] = {
    "qap": assignments,
    "floorplan": floorplans,
    "wafer": wafers,
}
#: Moves that a placer may make per problem.
BUDGET = 1_000_000
#: Moves of a run before the one that is timed, which compiles loops or loads them.
_WARM = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A layout of one problem.

    Attributes:
        instance: Name of the problem.
        kind: ``qap``, ``floorplan`` or ``wafer``.
        placer: Who made it.
        value: What the problem's own rules say of it.
        reference: What it is compared with.
        reference_is: What that is.
        cpu_s: Processor time of the placer.
        note: Aspects and areas, where they matter.
    """

    instance: str
    kind: str
    placer: str
    value: float
    reference: float
    reference_is: str
    cpu_s: float
    note: str

    @property
    def gap(self) -> float:
        """How far the value is above the reference, as a share of it."""
        return self.value / self.reference - 1


def judge(instance: Instance, placer: str, budget: int = BUDGET, seed: int = 0) -> Judged:
    """Lay out a problem and say how good that is.

    Args:
        instance: The problem.
        placer: Name of a placer.
        budget: Moves that it may make.
        seed: Of the placer.
    """
    place = PLACERS.get(placer)
    arrange(instance.problem, place, np.random.default_rng(seed), _WARM)
    start = time.process_time()
    layout = arrange(instance.problem, place, np.random.default_rng(seed), budget)
    return Judged(
        instance=instance.name,
        kind=instance.kind,
        placer=placer,
        value=instance.value(layout),
        reference=instance.reference,
        reference_is=instance.reference_is,
        cpu_s=time.process_time() - start,
        note=instance.note(layout),
    )


def instances(data: Path | None, names: Sequence[str]) -> list[Instance]:
    """The problems of a folder.

    Args:
        data: None: those shipped.
        names: Kinds or problems; none: all.

    Raises:
        ConfigError: There is none of a name; lists what there is.
    """
    folder = Folder(data)
    every = [one for read in KINDS.values() for one in read(folder)]
    known = [*KINDS, *(one.name for one in every)]
    for name in names:
        if name not in known:
            raise ConfigError(f"no placement problem {name!r}. Known: {', '.join(known)}.{did_you_mean(name, known)}")
    return [one for one in every if not names or one.name in names or one.kind in names]
