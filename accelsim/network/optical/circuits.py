"""Circuits on the timeline: a port is a server, and setting a circuit keeps it busy while nothing passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical.switch import OpticalSwitch
from accelsim.network.optical.matching import DARK, CircuitSlot, IntArray

SET_UP, SEND = "set up circuit", "send"


def circuit_graph(
    slots: Sequence[CircuitSlot], switch: OpticalSwitch, link: LinkSpec, already: IntArray | None = None
) -> TaskGraph:
    """Tasks of a schedule of circuits through one switch.

    Each input port is a server. A circuit that is not lit yet is set up: ``reconfiguration`` of work on its input's
    server once the input and the output are done with their circuits before; then its bytes cross the input's and the
    output's link. Circuits that stay pay nothing, and other ports go on. Not modelled: a control plane that sets one
    circuit after the other.

    Args:
        slots: Circuits and their bytes, in order.
        switch: Ports and reconfiguration time.
        link: Link of every port, per direction.
        already: Circuits lit at the start. int64[ports].

    Raises:
        ConfigError: More ports than the switch has, or an output that two inputs are joined to.
    """
    num_ports = len(slots[0].out) if slots else 0
    if num_ports > switch.ports:
        raise ConfigError(f"{switch.name}: {num_ports} ports asked, {switch.ports} there. Use several switches.")
    builder = TaskGraphBuilder()
    servers = [builder.server(f"port{port}") for port in range(num_ports)]
    sends = [builder.link(f"port{port}.in", link.bandwidth_bytes_per_s) for port in range(num_ports)]
    takes = [builder.link(f"port{port}.out", link.bandwidth_bytes_per_s) for port in range(num_ports)]
    lit = np.full(num_ports, DARK) if already is None else already.copy()
    last_in: dict[int, int] = {}
    last_out: dict[int, int] = {}
    for index, slot in enumerate(slots):
        _check_one_to_one(slot, index, switch)
        for src, dst in enumerate(slot.out.tolist()):
            if dst == DARK:
                continue
            after = [task for task in (last_in.get(src), last_out.get(dst)) if task is not None]
            if lit[src] != dst:
                lit[lit == dst] = DARK  # an output leaves the input that had it
                lit[src] = dst
                after = [
                    builder.task(
                        SET_UP, server=servers[src], work_s=switch.reconfiguration_s, after=dict.fromkeys(after)
                    )
                ]
            task = builder.task(
                SEND,
                server=servers[src],
                nbytes=int(slot.nbytes[src]),
                route=[sends[src], takes[dst]],
                latency_s=link.latency_s + switch.latency_s,
                after=dict.fromkeys(after),
            )
            last_in[src] = last_out[dst] = task
    return builder.build()


def changed_circuits(slots: Sequence[CircuitSlot], already: IntArray | None = None) -> int:
    """Circuits that a schedule sets up.

    Args:
        slots: Where each input is joined to in each slot, or :data:`DARK`.
        already: Circuits that are set before the first slot, at no cost; None: none.
    """
    changed, lit = 0, already
    for slot in slots:
        used = slot.out != DARK
        changed += int((used & (slot.out != lit)).sum()) if lit is not None else int(used.sum())
        lit = np.where(used, slot.out, DARK if lit is None else np.where(np.isin(lit, slot.out[used]), DARK, lit))
    return changed


def _check_one_to_one(slot: CircuitSlot, index: int, switch: OpticalSwitch) -> None:
    outputs = slot.out[slot.out != DARK]
    if len(set(outputs.tolist())) != len(outputs):
        raise ConfigError(f"{switch.name}: slot {index} joins two inputs to one output. A port carries one circuit.")
