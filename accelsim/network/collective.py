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
from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelsim.cost.call import AUTO, DEFAULT_LIBRARY, Call, FoldedStep, LevelSteps
from accelsim.cost.cost import Cost
from accelsim.errors import ConfigError
from accelsim.hardware.level import FASTEST_LIBRARY, GroupLevel, ProtocolSpec, SystemLevel
from accelsim.hardware.system import System
from accelsim.network.channels import filled_share, send_channels
from accelsim.network.collectives.base import algorithms_of, get_algorithm
from accelsim.network.collectives.hierarchical import NAME as HIERARCHICAL
from accelsim.network.library import (
    allowed_protocols,
    automatic_libraries,
    find_library,
    menu,
    numbers_for,
    outside_measured,
)
from accelsim.network.on_graph import Load, SpreadStep
from accelsim.network.optical.settings import with_settings
from accelsim.network.pipelines import needs_groups, pipelined_steps
from accelsim.network.residual import rated
from accelsim.network.spread import ports_of, require, spread
from accelsim.warning import warn

#: Largest call: beyond it sums of bytes leave 64 bits.
_MOST_BYTES = 2**50


def collective_steps(call: Call, system: System, stride: int = 1) -> Cost:
    """Steps and time of one collective on an idle network.

    Args:
        call: Of ``all_reduce``, ``all_gather``, ``reduce_scatter``, ``all_to_all``, ``broadcast``, ``reduce`` or
            ``send_recv``.
        system: Where it runs.
        stride: Distance between neighbouring ranks, in chips.

    Raises:
        ConfigError: Unknown kind, algorithm or library, a negative size, a group larger than the system, or an
            algorithm that does not suit the group.
    """
    return rated(min(_choices(call, system, stride), key=lambda cost: cost.work_s), system)


def collective_choices(call: Call, system: System, stride: int = 1) -> list[Cost]:
    """What each algorithm that :func:`collective_steps` would choose from takes, at its fastest protocol.

    Args:
        call: The collective.
        system: Where it runs.
        stride: Distance between neighbouring ranks, in chips.

    Raises:
        ConfigError: As :func:`collective_steps`.
    """
    return [rated(cost, system) for cost in _choices(call, system, stride)]


def _choices(call: Call, system: System, stride: int) -> list[Cost]:
    """The choices before it is said how far measured times may lie from them."""
    kind = call.kind
    if not 0 <= call.nbytes <= _MOST_BYTES:
        raise ConfigError(f"{kind}: {call.nbytes} bytes; expected 0 to {_MOST_BYTES} (1 PiB).")
    span = system.group(call.num_ranks, stride)
    known = algorithms_of(kind)
    is_open = call.algorithm == AUTO
    if not is_open:
        get_algorithm(kind, call.algorithm)
    if not span:
        return [Cost.of_call(replace(call, algorithm=known[0] if is_open else call.algorithm, protocol="none"), 0.0)]
    if call.library == FASTEST_LIBRARY:
        libraries = automatic_libraries(span[-1].level)
        every = [cost for name in libraries for cost in _choices(replace(call, library=name), system, stride)]
        fastest: dict[str, Cost] = {}
        for cost in sorted(every, key=lambda cost: cost.work_s):
            fastest.setdefault(cost.call.algorithm, cost)
        return list(fastest.values())
    chosen = find_library(span[-1].level, call.library)
    names, listed = menu(kind, chosen) if is_open else ([call.algorithm], True)
    by_name = [replace(call, algorithm=name) for name in names]
    costs = [cost for one in by_name for cost in _priced(one, span, on_graph=listed)]
    if not costs:
        costs = [cost for one in by_name for cost in _priced(one, span)]
    if chosen.falls_back and is_open and call.library != DEFAULT_LIBRARY:
        costs += _choices(replace(call, library=DEFAULT_LIBRARY), system, stride)
    if not costs:
        require(" or ".join(names), kind, None)
    notes = [
        warn("collective-outside-measured", f"{kind} over {span[-1].level.name}: {text}")
        for text in outside_measured(chosen, call.nbytes, call.num_ranks)
    ]
    filled = math.prod(part.members for part in span)
    if filled != call.num_ranks:
        inner = " x ".join(f"{part.members} of {part.level.name}" for part in span)
        text = f"{kind}: {call.num_ranks} ranks do not divide evenly; priced as {filled} ({inner})"
        notes.append(warn("ranks-uneven", text))
    return [replace(cost, warnings=(*cost.warnings, *notes)) for cost in costs] if notes else costs


def _priced(call: Call, span: tuple[GroupLevel, ...], on_graph: bool = True) -> Iterator[Cost]:
    """The call by one algorithm under its fastest protocol; nothing where it does not suit the group."""
    if call.algorithm == HIERARCHICAL:
        parts = _hierarchical(call, span)
        if parts:
            yield parts
        return
    steps = pipelined_steps(call, span)
    if steps is None and not needs_groups(call, span):
        steps = spread(get_algorithm(call.kind, call.algorithm), call.nbytes, span, on_graph)
    if steps is not None:
        num_ranks = math.prod(part.members for part in span)
        outside = num_ranks - num_ranks // span[-1].members
        yield fastest_protocol(replace(call, num_ranks=num_ranks), span[-1].level, steps, outside)


def fastest_protocol(call: Call, outer: SystemLevel, steps: tuple[SpreadStep, ...], outside: int = 0) -> Cost:
    """The call under each protocol of the outermost level.

    Args:
        call: Kind, algorithm, bytes and ranks, and the library asked for.
        outer: The outermost level that the group spans.
        steps: Steps of the busiest rank, with their bytes over each level.
        outside: Ranks in other members of the outermost level than a rank's own.
    """
    numbers = numbers_for(outer, call.kind, call.algorithm, call.library)
    warnings = tuple(dict.fromkeys((*(text for step in steps for text in step.warnings), *numbers.warnings)))
    steps = _within_channels(call, outer, steps)
    chunk_bytes = 0 if call.kind in ("send_recv", "broadcast", "reduce") else -(-call.nbytes // call.num_ranks)
    largest = max((load.nbytes for step in steps for load in step.loads), default=0)
    is_exchange = call.kind == "all_to_all"
    allowed = allowed_protocols(numbers, chunk_bytes if is_exchange else largest, call.nbytes)
    options = {name: tuple(_phases(steps, outer, numbers.protocols[name])) for name in allowed}
    peers = outside if is_exchange else 0
    own_s = {
        name: numbers.protocols[name].launch_s + peers * numbers.protocols[name].peer_latency_s for name in allowed
    }
    protocol = min(allowed, key=lambda name: own_s[name] + sum(phase.seconds for phase in options[name]))
    launch_s = numbers.launch_s + own_s[protocol] + chunk_bytes / numbers.copy_bytes_per_s
    phases = options[protocol] or (LevelSteps(outer.name, (), 1, 0.0, math.inf),)
    cost = Cost.of_call(replace(call, protocol=protocol), launch_s, phases, warnings, _meanwhile(steps, phases))
    return with_settings(cost, outer)


def _meanwhile(steps: Sequence[SpreadStep], phases: Sequence[LevelSteps]) -> dict[str, int]:
    """Bytes that one rank sends over levels while another level sets the pace."""
    left: dict[str, int] = {}
    for step in steps:
        for load in step.loads:
            sent = load.nbytes * load.links * step.repeat
            left[load.level.name] = left.get(load.level.name, 0) + sent
    for phase in phases:
        left[phase.level] = left.get(phase.level, 0) - phase.sent_bytes
    return {level: nbytes for level, nbytes in left.items() if nbytes > 0}


def _within_channels(call: Call, outer: SystemLevel, steps: tuple[SpreadStep, ...]) -> tuple[SpreadStep, ...]:
    """The steps of a send at no more than its channels carry."""
    spec = find_library(outer, call.library).channels
    if call.kind != "send_recv" or spec is None or spec.send_bandwidth_bytes_per_s is None:
        return steps
    most = (call.channels or send_channels(call.num_ranks, 1)) * spec.send_bandwidth_bytes_per_s
    return tuple(
        replace(step, loads=tuple(replace(load, most_bytes_per_s=most) for load in step.loads)) for step in steps
    )


def _phases(steps: Sequence[SpreadStep], outer: SystemLevel, spec: ProtocolSpec) -> Iterator[LevelSteps]:
    """Steps under one protocol, equal neighbours joined into phases; of several levels the slowest sets the pace."""
    phase: LevelSteps | None = None
    for step in steps:
        filled = filled_share(step.pipeline, spec.chunk_bytes)
        rates = [_rate(load, outer, spec) * filled for load in step.loads]
        slowest, rate = max(zip(step.loads, rates, strict=True), key=lambda pair: pair[0].nbytes / pair[1])
        folded = FoldedStep(slowest.nbytes, step.repeat)
        waits_s = spec.step_latency_s if step.crosses in (None, outer) else _inner_latency_s(step.crosses)
        found = LevelSteps(
            slowest.level.name,
            (folded,),
            slowest.links,
            waits_s + step.latency_s,
            rate,
            slowest.level.link.energy_j_per_byte,
        )
        if phase is not None and replace(phase, steps=found.steps) == found:
            phase = replace(phase, steps=(*phase.steps, folded))
            continue
        if phase is not None:
            yield phase
        phase = found
    if phase is not None:
        yield phase


def _rate(load: Load, outer: SystemLevel, spec: ProtocolSpec) -> float:
    """What payload reaches of a link, in bytes/s."""
    efficiency = spec.efficiency if load.level.name == outer.name else _best_efficiency(load.level)
    return min(
        load.level.link.bandwidth_bytes_per_s * (load.efficiency or efficiency) * load.share, load.most_bytes_per_s
    )


def _inner_latency_s(level: SystemLevel) -> float:
    """Software time of a hop inside the outermost level, which sets the pace: a hand-over by the quickest protocol."""
    return min((spec.step_latency_s for spec in level.collectives.protocols.values()), default=0.0)


def _best_efficiency(level: SystemLevel) -> float:
    """What payload reaches at best of a level inside the outermost one."""
    return max((p.efficiency for p in level.collectives.protocols.values()), default=1.0)


def _hierarchical(call: Call, span: tuple[GroupLevel, ...]) -> Cost | None:
    """Scatter inside every level, the kind itself on the outermost, gather back; one launch, the outermost's."""
    kind = call.kind
    if len(span) < 2 or kind not in ("all_reduce", "all_gather", "reduce_scatter"):
        return None
    inner, ranks, inside = call.nbytes, 1, []
    for part in span[:-1]:
        shared = -(-inner * ranks // ports_of(part.level, ranks))  # ranks of a group that share a port take turns
        there = _level_best("reduce_scatter", shared, part, call.library) if kind != "all_gather" else None
        back = _level_best("all_gather", shared, part, call.library) if kind != "reduce_scatter" else None
        inside.append((there, back))
        inner, ranks = -(-inner // part.members), ranks * part.members
    outside = _level_best(kind, -(-inner * ranks // ports_of(span[-1].level, ranks)), span[-1], call.library)
    found = [there for there, _ in inside] + [outside] + [back for _, back in reversed(inside)]
    costs = [cost for cost in found if cost is not None]
    names = dict.fromkeys(cost.call.algorithm for cost in costs)
    num_ranks = math.prod(part.members for part in span)
    return Cost.of_call(
        replace(call, num_ranks=num_ranks, protocol="+".join(names)),
        outside.launch_s,
        [phase for cost in costs for phase in cost.phases],
        tuple(dict.fromkeys(text for cost in costs for text in cost.warnings)),
    )


def _level_best(kind: str, nbytes: int, part: GroupLevel, library: str) -> Cost:
    """The fastest algorithm on one level alone."""
    library = library if library in part.level.spec.libraries else DEFAULT_LIBRARY
    names, listed = menu(kind, find_library(part.level, library))
    calls = [Call(kind, nbytes, part.members, name, library) for name in names]
    costs = [cost for call in calls for cost in _priced(call, (part,), on_graph=listed)]
    return min(costs, key=lambda cost: cost.work_s - cost.launch_s)
