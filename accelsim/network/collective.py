"""What a collective takes on a system: an algorithm laid over the levels that its group spans.

A call takes ``launch + own chunk / copy bandwidth + sum over steps (alpha + bytes / bandwidth)``. ``alpha`` is the
latency of the links plus the software time of a step; ``bandwidth`` is what payload reaches of a link; both depend on
the protocol, and the library takes the fastest one. The steps are an algorithm's, as seen by the busiest rank
(:mod:`accelsim.network.spread`). ``hierarchical`` is priced as its parts: a reduce_scatter inside every level, what is
left on the outermost one, an all_gather back, each by the level's own fastest algorithm.

Not modelled: other traffic (the engine's links do that), the additions of a reduction where the network outruns them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from accelsim.errors import ConfigError
from accelsim.hardware.level import SystemLevel
from accelsim.hardware.system import GroupLevel, System
from accelsim.network.collectives.base import FoldedStep, algorithms_of, closed_form_s, get_algorithm
from accelsim.network.collectives.hierarchical import NAME as HIERARCHICAL
from accelsim.network.library import (
    AUTO,
    DEFAULT_LIBRARY,
    Numbers,
    allowed_protocols,
    find_library,
    menu,
    numbers_for,
    outside_measured,
)
from accelsim.network.on_graph import SpreadStep
from accelsim.network.spread import ports_of, require, spread
from accelsim.warning import warn

#: Largest call: beyond it sums of bytes leave 64 bits.
_MOST_BYTES = 2**50


@dataclass(frozen=True, slots=True)
class LevelSteps:
    """Steps of a collective over the links of one level.

    Attributes:
        level: Level whose links set the pace.
        steps: Bytes over one link of the rank and how often, in order.
        links: Links of that level a rank loads alike at once (rings on a torus).
        step_latency_s: Time of a step before its first byte moves.
        bandwidth_bytes_per_s: What payload reaches of one link.
        link_energy_j_per_byte: Energy of one byte over one link.
    """

    level: str
    steps: tuple[FoldedStep, ...]
    links: int
    step_latency_s: float
    bandwidth_bytes_per_s: float
    link_energy_j_per_byte: float = 0.0

    @property
    def seconds(self) -> float:
        """Time of the steps on an idle network, in seconds."""
        return closed_form_s(self.steps, self.step_latency_s, self.bandwidth_bytes_per_s)

    @property
    def sent_bytes(self) -> int:
        """Bytes one rank sends over the links of the level."""
        return self.links * sum(step.nbytes * step.repeat for step in self.steps)

    def step_s(self, nbytes: int) -> float:
        """Time of one step that sends ``nbytes`` over one link, in seconds."""
        return self.step_latency_s + nbytes / self.bandwidth_bytes_per_s


@dataclass(frozen=True, slots=True)
class CollectiveCost:
    """Steps and time of one collective on an idle network, seen by one rank.

    In the engine a step is one task: ``work`` of :meth:`step_s` and, after ``step_latency_s``, ``nbytes`` on one link
    of the level at its full capacity. Alone the step then takes ``step_s``; two that share a link slow each other.

    Attributes:
        kind: ``all_reduce``, ``all_gather`` ...
        algorithm: Name in the registry.
        protocol: Protocol of the library that is fastest.
        num_ranks: Ranks of the group.
        nbytes: Size of the call, as nccl-tests count it.
        level: Level of the first phase, whose links set the pace; empty for a group of one.
        steps: Bytes over one link of the rank and how often, in order, in the first phase.
        links: Links of that level a rank loads alike at once (rings on a torus).
        launch_s: Time beside the steps: the call itself and the pass over the rank's own chunk.
        step_latency_s: Time of a step before its first byte moves.
        bandwidth_bytes_per_s: What payload reaches of one link.
        link_energy_j_per_byte: Energy of one byte over one link.
        warnings: Why this number should be trusted less.
        rest: Phases after the first one, of algorithms that use several levels in turn.
        hidden_bytes: Bytes one rank sends over further levels meanwhile, which take no time of their own.
    """

    kind: str
    algorithm: str
    protocol: str
    num_ranks: int
    nbytes: int
    level: str
    steps: tuple[FoldedStep, ...]
    links: int
    launch_s: float
    step_latency_s: float
    bandwidth_bytes_per_s: float
    link_energy_j_per_byte: float = 0.0
    warnings: tuple[str, ...] = ()
    rest: tuple[LevelSteps, ...] = ()
    hidden_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def phases(self) -> tuple[LevelSteps, ...]:
        """All phases in order."""
        rates = (self.step_latency_s, self.bandwidth_bytes_per_s, self.link_energy_j_per_byte)
        return (LevelSteps(self.level, self.steps, self.links, *rates), *self.rest)

    def step_s(self, nbytes: int) -> float:
        """Time of one step of the first phase that sends ``nbytes`` over one link, in seconds."""
        return self.step_latency_s + nbytes / self.bandwidth_bytes_per_s

    @property
    def seconds(self) -> float:
        """Time of the whole call on an idle network, in seconds."""
        return self.launch_s + sum(phase.seconds for phase in self.phases)

    @property
    def sent_bytes(self) -> int:
        """Bytes one rank sends, over all links and levels."""
        return sum(phase.sent_bytes for phase in self.phases) + sum(self.hidden_bytes.values())

    @property
    def energy_j(self) -> float:
        """Energy of the bytes one rank sends, in joules."""
        return sum(phase.sent_bytes * phase.link_energy_j_per_byte for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a collective by one algorithm of a library.

    Attributes:
        kind: ``all_reduce``, ``all_gather`` ...
        algorithm: Name in the registry.
        num_ranks: Ranks of the group.
        nbytes: Size as nccl-tests count it.
        library: Name of one of the level's further libraries; empty for its own collectives.
    """

    kind: str
    algorithm: str
    num_ranks: int
    nbytes: int
    library: str = DEFAULT_LIBRARY


def collective_steps(
    kind: str,
    nbytes: int,
    num_ranks: int,
    system: System,
    stride: int = 1,
    algorithm: str = AUTO,
    library: str = DEFAULT_LIBRARY,
) -> CollectiveCost:
    """Steps and time of one collective on an idle network.

    Args:
        kind: ``all_reduce``, ``all_gather``, ``reduce_scatter``, ``all_to_all``, ``broadcast``, ``reduce`` or
            ``send_recv``.
        nbytes: The larger of a rank's send and receive buffers (the size nccl-tests print).
        num_ranks: Ranks of the group.
        system: Where it runs.
        stride: Distance between neighbouring ranks, in chips.
        algorithm: Name in the registry, or ``auto`` for the fastest of those the library has.
        library: Name of one of the level's further libraries; empty for its own collectives.

    Raises:
        ConfigError: Unknown kind, algorithm or library, a negative size, a group larger than the system, or an
            algorithm that does not suit the group.
    """
    costs = collective_choices(kind, nbytes, num_ranks, system, stride, algorithm, library)
    return min(costs, key=lambda cost: cost.seconds)


def collective_choices(
    kind: str,
    nbytes: int,
    num_ranks: int,
    system: System,
    stride: int = 1,
    algorithm: str = AUTO,
    library: str = DEFAULT_LIBRARY,
) -> list[CollectiveCost]:
    """What each algorithm that :func:`collective_steps` would choose from takes, at its fastest protocol.

    Raises:
        ConfigError: As :func:`collective_steps`.
    """
    if not 0 <= nbytes <= _MOST_BYTES:
        raise ConfigError(f"{kind}: {nbytes} bytes; expected 0 to {_MOST_BYTES} (1 PiB).")
    span = system.group(num_ranks, stride)
    known = algorithms_of(kind)
    if algorithm != AUTO:
        get_algorithm(kind, algorithm)
    if not span:
        name = known[0] if algorithm == AUTO else algorithm
        return [CollectiveCost(kind, name, "none", num_ranks, nbytes, "", (), 1, 0.0, 0.0, math.inf)]
    chosen = find_library(span[-1].level, library)
    names, listed = menu(kind, chosen) if algorithm == AUTO else ([algorithm], True)
    costs = [cost for name in names for cost in _priced(kind, name, nbytes, span, library, on_graph=listed)]
    if not costs:
        costs = [cost for name in names for cost in _priced(kind, name, nbytes, span, library)]
    if chosen.falls_back and algorithm == AUTO and library != DEFAULT_LIBRARY:
        costs += collective_choices(kind, nbytes, num_ranks, system, stride)
    if not costs:
        require(" or ".join(names), kind, None)
    notes = [
        warn("collective-outside-measured", f"{kind} over {span[-1].level.name}: {text}")
        for text in outside_measured(chosen, nbytes, num_ranks)
    ]
    filled = math.prod(part.members for part in span)
    if filled != num_ranks:
        inner = " x ".join(f"{part.members} of {part.level.name}" for part in span)
        text = f"{kind}: {num_ranks} ranks do not divide evenly; priced as {filled} ({inner})"
        notes.append(warn("ranks-uneven", text))
    return [replace(cost, warnings=(*cost.warnings, *notes)) for cost in costs] if notes else costs


def _priced(
    kind: str, algorithm: str, nbytes: int, span: tuple[GroupLevel, ...], library: str, on_graph: bool = True
) -> Iterator[CollectiveCost]:
    """The call by one algorithm under its fastest protocol; nothing where it does not suit the group."""
    if algorithm == HIERARCHICAL:
        parts = _hierarchical(kind, nbytes, span, library)
        if parts:
            yield parts
        return
    steps = spread(get_algorithm(kind, algorithm), nbytes, span, on_graph)
    if steps is not None:
        num_ranks = math.prod(part.members for part in span)
        yield fastest_protocol(Call(kind, algorithm, num_ranks, nbytes, library), span[-1].level, steps)


def fastest_protocol(call: Call, outer: SystemLevel, steps: tuple[SpreadStep, ...]) -> CollectiveCost:
    """The call under each protocol of the outermost level, whose latency every step waits for."""
    numbers = numbers_for(outer, call.kind, call.algorithm, call.library)
    warnings = tuple(dict.fromkeys((*(text for step in steps for text in step.warnings), *numbers.warnings)))
    chunk_bytes = 0 if call.kind in ("send_recv", "broadcast", "reduce") else -(-call.nbytes // call.num_ranks)
    largest = max((load.nbytes for step in steps for load in step.loads), default=0)
    options = {name: tuple(_phases(steps, outer, numbers, name)) for name in allowed_protocols(numbers, largest)}
    protocol = min(
        options, key=lambda name: numbers.protocols[name].launch_s + sum(phase.seconds for phase in options[name])
    )
    own_s = numbers.launch_s + numbers.protocols[protocol].launch_s
    launch_s = own_s + chunk_bytes / numbers.copy_bytes_per_s
    first, *rest = options[protocol] or (LevelSteps(outer.name, (), 1, 0.0, math.inf),)
    return CollectiveCost(
        call.kind, call.algorithm, protocol, call.num_ranks, call.nbytes, first.level, first.steps, first.links,
        launch_s, first.step_latency_s, first.bandwidth_bytes_per_s, first.link_energy_j_per_byte, warnings,
        tuple(rest),
    )  # fmt: skip


def _phases(steps: Sequence[SpreadStep], outer: SystemLevel, numbers: Numbers, protocol: str) -> Iterator[LevelSteps]:
    """Steps under one protocol, equal neighbours joined into phases; of several levels the slowest sets the pace."""
    spec = numbers.protocols[protocol]
    rates = {
        load.level.name: load.level.link.bandwidth_bytes_per_s
        * (spec.efficiency if load.level.name == outer.name else _best_efficiency(load.level))
        for step in steps
        for load in step.loads
    }
    phase: LevelSteps | None = None
    for step in steps:
        slowest = max(step.loads, key=lambda load: load.nbytes / rates[load.level.name])
        link = slowest.level.link
        folded = FoldedStep(slowest.nbytes, step.repeat)
        found = LevelSteps(
            slowest.level.name,
            (folded,),
            slowest.links,
            spec.step_latency_s + step.latency_s,
            rates[slowest.level.name],
            link.energy_j_per_byte,
        )
        if phase is not None and replace(phase, steps=found.steps) == found:
            phase = replace(phase, steps=(*phase.steps, folded))
            continue
        if phase is not None:
            yield phase
        phase = found
    if phase is not None:
        yield phase


def _best_efficiency(level: SystemLevel) -> float:
    """What payload reaches at best of a level inside the outermost one."""
    return max((p.efficiency for p in level.collectives.protocols.values()), default=1.0)


def _hierarchical(kind: str, nbytes: int, span: tuple[GroupLevel, ...], library: str) -> CollectiveCost | None:
    """Scatter inside every level, the kind itself on the outermost, gather back; one launch, the outermost's."""
    num_ranks = math.prod(part.members for part in span)
    if len(span) < 2 or kind not in ("all_reduce", "all_gather", "reduce_scatter"):
        return None
    inner, ranks, inside = nbytes, 1, []
    for part in span[:-1]:
        shared = -(-inner * ranks // ports_of(part.level, ranks))  # ranks of a group that share a port take turns
        there = _level_best("reduce_scatter", shared, part, library) if kind != "all_gather" else None
        back = _level_best("all_gather", shared, part, library) if kind != "reduce_scatter" else None
        inside.append((there, back))
        inner, ranks = -(-inner // part.members), ranks * part.members
    outside = _level_best(kind, -(-inner * ranks // ports_of(span[-1].level, ranks)), span[-1], library)
    calls = [there for there, _ in inside] + [outside] + [back for _, back in reversed(inside)]
    phases = [phase for call in calls if call is not None for phase in call.phases]
    names = dict.fromkeys(call.algorithm for call in calls if call is not None)
    first, *rest = phases
    warnings = tuple(dict.fromkeys(text for call in calls if call is not None for text in call.warnings))
    return CollectiveCost(
        kind, HIERARCHICAL, "+".join(names), num_ranks, nbytes, first.level, first.steps, first.links,
        outside.launch_s, first.step_latency_s, first.bandwidth_bytes_per_s, first.link_energy_j_per_byte, warnings,
        tuple(rest),
    )  # fmt: skip


def _level_best(kind: str, nbytes: int, part: GroupLevel, library: str) -> CollectiveCost:
    """The fastest algorithm on one level alone."""
    library = library if library in part.level.spec.libraries else DEFAULT_LIBRARY
    names, listed = menu(kind, find_library(part.level, library))
    costs = [cost for name in names for cost in _priced(kind, name, nbytes, (part,), library, on_graph=listed)]
    return min(costs, key=lambda cost: cost.seconds - cost.launch_s)
