"""When to reconfigure: once, per phase or per collective; what it costs and from which message size on it pays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from accelsim.engine.run import simulate
from accelsim.engine.taskgraph import TaskGraphBuilder
from accelsim.errors import ConfigError, RoutingError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical.switch import OpticalSwitch
from accelsim.network.optical.matching import IntArray, square, static_circuits

Policy = Literal["static", "per_phase", "per_collective"]
POLICIES: tuple[Policy, ...] = ("static", "per_phase", "per_collective")

#: A phase is a list of collectives, each a traffic matrix of bytes from port to port.
Phases = Sequence[Sequence[IntArray]]


@dataclass(frozen=True)
class PolicyReport:
    """What a policy takes.

    Attributes:
        policy: Which.
        total_s: Time of all collectives, one after the other, reconfiguration included.
        reconfiguration_s: Part of it in which circuits were set.
        reconfigurations: Times that circuits were set, the first setting left out.
    """

    policy: Policy
    total_s: float
    reconfiguration_s: float
    reconfigurations: int


@dataclass(frozen=True)
class Break:
    """Message size from which reconfiguring is faster than staying.

    Attributes:
        nbytes: That size; infinite if it never is.
        stay_bytes_per_s: Rate on the circuits that are there.
        move_bytes_per_s: Rate on circuits made for the message.
    """

    nbytes: float
    stay_bytes_per_s: float
    move_bytes_per_s: float


def break_even_bytes(
    stay_bytes_per_s: float,
    move_bytes_per_s: float,
    reconfiguration_s: float,
    stay_latency_s: float = 0.0,
    move_latency_s: float = 0.0,
) -> Break:
    """Size b at which ``stay_latency + b / stay`` equals ``reconfiguration + move_latency + b / move``.

    Args:
        stay_bytes_per_s: Rate over the circuits there are.
        move_bytes_per_s: Rate over circuits set for this traffic.
        reconfiguration_s: Time in which circuits move and nothing passes.
        stay_latency_s: Latency before.
        move_latency_s: Latency after.

    Examples:
        >>> round(break_even_bytes(25e9, 50e9, 10e-3).nbytes)  # 10 ms over 20 ps per byte
        500000000
    """
    gain_s_per_byte = 1 / stay_bytes_per_s - 1 / move_bytes_per_s
    cost_s = reconfiguration_s + move_latency_s - stay_latency_s
    if cost_s <= 0 and gain_s_per_byte >= 0:
        return Break(0.0, stay_bytes_per_s, move_bytes_per_s)
    nbytes = cost_s / gain_s_per_byte if gain_s_per_byte > 0 else math.inf
    return Break(nbytes, stay_bytes_per_s, move_bytes_per_s)


def compare_policies(
    phases: Phases, switch: OpticalSwitch, link: LinkSpec, degree: int = 1
) -> dict[Policy, PolicyReport]:
    """Play all collectives under each policy on the engine.

    Every port has ``degree`` links into as many switches. ``static`` sets circuits once for the sum of all traffic,
    ``per_phase`` for that of each phase, ``per_collective`` for each collective; traffic between ports that share no
    circuit takes the shortest way over others. Setting starts when the collective before has ended (nothing is set
    ahead) and the first setting is free, as before a job. Not modelled: routes that avoid full circuits.

    Args:
        phases: Traffic matrices of the collectives of each phase, in bytes from row to column.
        switch: Its ports, and the time that it takes to set circuits.
        link: Bandwidth and latency of the link of a port.
        degree: Links of a port.

    Raises:
        ConfigError: No collective, or more ports than the switch has.
    """
    every = [np.asarray(square(matrix)) for phase in phases for matrix in phase]
    if not every:
        raise ConfigError("policies: no collective to carry. Give at least one phase with one traffic matrix.")
    if len(every[0]) > switch.ports:
        raise ConfigError(f"{switch.name}: {len(every[0])} ports asked, {switch.ports} there. Use several switches.")
    return {policy: _played(policy, phases, switch, link, degree) for policy in POLICIES}


def collective_s(traffic_bytes: IntArray, circuits: Sequence[IntArray], link: LinkSpec, hop_s: float = 0.0) -> float:
    """Time of one collective over circuits that are lit: all messages start at once and share links max-min fair.

    Args:
        traffic_bytes: From row to column. int64[ports, ports].
        circuits: For each plane, the port that each port is joined to. int64[ports] each.
        link: Bandwidth and latency of a circuit.
        hop_s: Time at each port that passes traffic on, in seconds.

    Raises:
        RoutingError: Two ports that exchange data are not joined, not even over others.
    """
    import networkx as nx

    traffic_bytes = square(traffic_bytes)
    builder = TaskGraphBuilder()
    ids: dict[tuple[int, int], list[int]] = {}
    graph: nx.DiGraph[int] = nx.DiGraph()
    for plane, out in enumerate(circuits):
        for src, dst in enumerate(out.tolist()):
            ids.setdefault((src, dst), []).append(builder.link(f"{src}->{dst}.{plane}", link.bandwidth_bytes_per_s))
            graph.add_edge(src, dst)
    for src in range(len(traffic_bytes)):
        if not traffic_bytes[src].any():
            continue
        ways = nx.single_source_shortest_path(graph, src)
        for dst in np.flatnonzero(traffic_bytes[src]).tolist():
            if dst not in ways:
                raise RoutingError(f"circuits: port {src} does not reach port {dst}. Raise the degree.")
            hops = [ids[pair] for pair in itertools.pairwise(ways[dst])]
            _send(builder, hops, int(traffic_bytes[src, dst]), len(hops) * (link.latency_s + hop_s))
    return simulate(builder.build()).makespan_s


def _send(builder: TaskGraphBuilder, hops: Sequence[Sequence[int]], nbytes: int, latency_s: float) -> None:
    """One message, in as many parts as the circuits side by side on its narrowest hop."""
    parts = min(len(side_by_side) for side_by_side in hops)
    for part in range(parts):
        share = nbytes * (part + 1) // parts - nbytes * part // parts
        route = [side_by_side[part % len(side_by_side)] for side_by_side in hops]
        builder.task("send", nbytes=share, route=route, latency_s=latency_s)


def _played(policy: Policy, phases: Phases, switch: OpticalSwitch, link: LinkSpec, degree: int) -> PolicyReport:
    total = sum(square(matrix) for phase in phases for matrix in phase)
    lit = static_circuits(total, degree) if policy == "static" else None
    carried_s, settings = 0.0, 0
    known_s: dict[tuple[bytes, ...], float] = {}  # phases of a run repeat, layer after layer
    made: dict[bytes, list[IntArray]] = {}
    for phase in phases:
        for index, matrix in enumerate(phase):
            wanted = lit
            if policy == "per_collective" or (policy == "per_phase" and index == 0):
                asked = square(matrix if policy == "per_collective" else sum(square(each) for each in phase))
                if asked.tobytes() not in made:
                    made[asked.tobytes()] = static_circuits(asked, degree)
                wanted = made[asked.tobytes()]
            if wanted is None:
                raise RuntimeError("no circuits before the first collective")
            settings += lit is not None and not _same(lit, wanted)
            lit = wanted
            key = (square(matrix).tobytes(), *(circuits.tobytes() for circuits in lit))
            if key not in known_s:
                known_s[key] = collective_s(square(matrix), lit, link, switch.latency_s)
            carried_s += known_s[key]
    spent_s = settings * switch.reconfiguration_s
    return PolicyReport(policy, carried_s + spent_s, spent_s, settings)


def _same(one: Sequence[IntArray], two: Sequence[IntArray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
