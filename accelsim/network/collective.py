"""What a collective takes on a system: an algorithm laid over the levels that its group spans.

A call takes ``launch + sum over steps (alpha + bytes / bandwidth)``. ``alpha`` is the latency of the link plus the
software time of a step; ``bandwidth`` is what payload reaches of the link; both depend on the protocol, and the library
takes the fastest one. The steps are an algorithm's, as seen by one representative rank.

How a ring lies on a level: on a switch the ring's order is the order of ranks and loads each port once per direction.
On a torus or mesh the group's block of chips has as many rings without a shared link as
:attr:`Topology.num_rings` says, each with its share of the bytes. Over several levels one ring per rank of the inner
level crosses outside, so that all ports of a node carry it; the level that takes longest per byte sets the pace. An
algorithm that follows the grid (``torus_bucket``) uses the links of every dimension of the group's block at once.

Not modelled: reduction inside a switch, trees, other traffic (the engine's links do that), the additions of a
reduction where the network outruns them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.errors import ConfigError
from accelsim.hardware.level import ProtocolSpec, SystemLevel
from accelsim.hardware.system import GroupLevel, System
from accelsim.network.collectives.base import FoldedStep, algorithms_of, closed_form_s, get_algorithm
from accelsim.network.topology.base import build_topology
from accelsim.workload.operators.collective import Collective

AUTO = "auto"


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
        level: Level whose links set the pace; empty for a group of one.
        steps: Bytes over one link of the rank and how often, in order.
        links: Links of that level a rank loads alike at once (rings on a torus).
        launch_s: Time beside the steps: the call itself and the pass over the rank's own chunk.
        step_latency_s: Time of a step before its first byte moves.
        bandwidth_bytes_per_s: What payload reaches of one link.
        link_energy_j_per_byte: Energy of one byte over one link.
        warnings: Why this number should be trusted less.
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

    def step_s(self, nbytes: int) -> float:
        """Time of one step that sends ``nbytes`` over one link, in seconds."""
        return self.step_latency_s + nbytes / self.bandwidth_bytes_per_s

    @property
    def seconds(self) -> float:
        """Time of the whole call on an idle network, in seconds."""
        return self.launch_s + closed_form_s(self.steps, self.step_latency_s, self.bandwidth_bytes_per_s)

    @property
    def sent_bytes(self) -> int:
        """Bytes one rank sends over the links of :attr:`level`, all rings together."""
        return self.links * sum(step.nbytes * step.repeat for step in self.steps)

    @property
    def energy_j(self) -> float:
        """Energy of the bytes one rank sends, in joules."""
        return self.sent_bytes * self.link_energy_j_per_byte


@dataclass(frozen=True, slots=True)
class _Call:
    """A collective and the folded steps of the algorithm that carries it out."""

    kind: str
    algorithm: str
    nbytes: int
    num_ranks: int
    steps: tuple[FoldedStep, ...]


@dataclass(frozen=True, slots=True)
class _Lane:
    """How one step of a ring loads one level: ``share`` of its bytes over each of ``links`` links of a rank."""

    level: SystemLevel
    share: float
    links: int
    hops: int
    warnings: tuple[str, ...]


def price_collective(operator: Collective, system: System, stride: int = 1, algorithm: str = AUTO) -> CollectiveCost:
    """Cost of a collective operator whose ranks are chips ``stride`` apart; see :func:`collective_steps`."""
    return collective_steps(operator.function, operator.nbytes, operator.num_ranks, system, stride, algorithm)


def collective_steps(
    kind: str, nbytes: int, num_ranks: int, system: System, stride: int = 1, algorithm: str = AUTO
) -> CollectiveCost:
    """Steps and time of one collective on an idle network.

    Args:
        kind: ``all_reduce``, ``all_gather``, ``reduce_scatter`` or ``send_recv``.
        nbytes: The larger of a rank's send and receive buffers (the size nccl-tests print).
        num_ranks: Ranks of the group.
        system: Where it runs.
        stride: Distance between neighbouring ranks, in chips.
        algorithm: Name in the registry, or ``auto`` for the fastest.

    Raises:
        ConfigError: Unknown kind or algorithm, a negative size, or a group larger than the system.
    """
    if nbytes < 0:
        raise ConfigError(f"{kind}: {nbytes} bytes; expected 0 or more.")
    span = system.group(num_ranks, stride)
    names = algorithms_of(kind) if algorithm == AUTO else [algorithm]
    chosen = {name: get_algorithm(kind, name) for name in names}
    if not span:
        return CollectiveCost(kind, names[0], "none", num_ranks, nbytes, "", (), 1, 0.0, 0.0, math.inf)
    grid = _grid(span)
    if grid is None and algorithm != AUTO and chosen[algorithm].follows_grid:
        raise ConfigError(f"{kind}: {algorithm} needs a block of two or more dimensions that wraps. Use 'auto'.")
    costs = []
    for name, member in chosen.items():
        if not member.follows_grid:
            call = _Call(kind, name, nbytes, num_ranks, member.folded(nbytes, (num_ranks,)))
            costs.append(_fastest_protocol(call, _lanes(span)))
        elif grid is not None:
            call = _Call(kind, name, nbytes, num_ranks, member.folded(nbytes, grid.shape))
            lane = _Lane(span[0].level, 1.0, member.links(grid.shape), 1, ())
            costs.append(_fastest_protocol(call, [lane]))
    return min(costs, key=lambda cost: cost.seconds)


def _grid(span: tuple[GroupLevel, ...]) -> SystemLevel | None:
    """The block of two or more dimensions that a group fills, if every extent above two wraps; else None."""
    block, warnings = _block(span[0])
    dimensions = sum(extent > 1 for extent in block.shape)
    wraps = all(wrap for extent, wrap in zip(block.shape, block.wrap, strict=True) if extent > 2)
    return block if len(span) == 1 and not warnings and dimensions > 1 and wraps else None


def _lanes(span: tuple[GroupLevel, ...]) -> list[_Lane]:
    lanes, inner = [], 1
    for part in span:
        sub, warnings = _block(part)
        topology = build_topology(sub)
        lanes.append(
            _Lane(part.level, 1 / (topology.num_rings * inner), topology.num_rings, topology.ring_hops, warnings)
        )
        inner *= part.members
    return lanes


def _block(part: GroupLevel) -> tuple[SystemLevel, tuple[str, ...]]:
    """The level cut to the block of members that the group fills; chips are numbered last dimension fastest."""
    level = part.level
    if len(level.shape) == 1:
        full = part.members == level.size
        return SystemLevel(level.name, level.spec, (part.members,), (full and level.wrap[0],)), ()
    shape, stride, remaining = [1] * len(level.shape), part.stride, part.members
    for axis in reversed(range(len(level.shape))):
        extent = level.shape[axis]
        if stride % extent == 0:
            stride //= extent
        elif stride == 1 and (remaining % extent == 0 or extent % remaining == 0):
            shape[axis] = min(extent, remaining)
            remaining //= shape[axis]
    if remaining == 1:
        wrap = tuple(w and n == full for w, n, full in zip(level.wrap, shape, level.shape, strict=True))
        return SystemLevel(level.name, level.spec, tuple(shape), wrap), ()
    warning = f"{part.members} ranks, {part.stride} apart, are no block of {level}; priced as a line of neighbours."
    line = level.spec.model_copy(update={"topology": "line", "size": part.members})
    return SystemLevel(level.name, line, (part.members,), (False,)), (warning,)


def _fastest_protocol(call: _Call, lanes: list[_Lane]) -> CollectiveCost:
    """The call under each protocol of the outermost level, whose latency every step of the ring waits for."""
    outer = lanes[-1].level
    spec = outer.collectives
    warnings = tuple(text for lane in lanes for text in lane.warnings)
    protocols = dict(spec.protocols)
    if not protocols:
        protocols = {"ideal": ProtocolSpec()}
        warnings += (f"{outer.name}: collectives are not calibrated; the link's own latency and bandwidth are used.",)
    copied_bytes = 0 if call.kind == "send_recv" else -(-call.nbytes // call.num_ranks)
    copy_s = copied_bytes / spec.copy_bandwidth_bytes_per_s if spec.copy_bandwidth_bytes_per_s else 0.0
    costs = []
    for protocol, numbers in protocols.items():
        slowest = max(lanes, key=lambda lane: lane.share / _payload_bytes_per_s(lane, outer, numbers))
        costs.append(
            CollectiveCost(
                kind=call.kind,
                algorithm=call.algorithm,
                protocol=protocol,
                num_ranks=call.num_ranks,
                nbytes=call.nbytes,
                level=slowest.level.name,
                steps=tuple(FoldedStep(math.ceil(step.nbytes * slowest.share), step.repeat) for step in call.steps),
                links=slowest.links,
                launch_s=spec.launch_s + copy_s,
                step_latency_s=numbers.step_latency_s + max(lane.hops * lane.level.link.latency_s for lane in lanes),
                bandwidth_bytes_per_s=_payload_bytes_per_s(slowest, outer, numbers),
                link_energy_j_per_byte=slowest.level.link.energy_j_per_byte,
                warnings=warnings,
            )
        )
    return min(costs, key=lambda cost: cost.seconds)


def _payload_bytes_per_s(lane: _Lane, outer: SystemLevel, protocol: ProtocolSpec) -> float:
    """What payload reaches of one link: by the protocol on the outermost level, at best on levels inside it."""
    efficiency = protocol.efficiency
    if lane.level is not outer:
        efficiency = max((p.efficiency for p in lane.level.collectives.protocols.values()), default=1.0)
    return lane.level.link.bandwidth_bytes_per_s * efficiency
