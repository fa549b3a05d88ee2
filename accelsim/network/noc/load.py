"""Packets on a loaded mesh: use of every port, where it saturates, and mean latency, from flows alone.

A flow model: it knows the mean rate from every input port to every output port of every router, and nothing of single
packets. It cannot see: behaviour past saturation (which node starves, how far congestion spreads), latency
percentiles, bursts in time, unfair arbitration between near and far senders, and virtual channels or buffers other
than those its two calibrated numbers hold for. Packets longer than a buffer saturate earlier than predicted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from accelsim.errors import ConfigError
from accelsim.network.noc.mesh import FloatArray, IntArray, MeshGrid, MeshRoutes, xy_route_links
from accelsim.network.noc.router import RouterSpec, check_packet
from accelsim.network.noc.traffic import Traffic


@dataclass(frozen=True)
class LoadedMesh:
    """A mesh under one pattern of traffic, routed in dimension order; loads are factors on the pattern's rates.

    Waiting at an output port of use rho, fed by input ports with rates p_i (flits per cycle), for packets of S flits::

        wait = S (rho^2 - sum p_i^2) / (2 rho) * (1 + blocking u) / (1 - u),    u = rho + allocation_loss d

    The first factor is exact for small loads: a packet waits only for packets that come by *another* input (one input
    delivers one flit per cycle and never competes with itself), on average half a packet each. It needs no constant and
    is zero for patterns whose flows never merge. ``d`` is the rate at which the port's inputs send to other ports,
    averaged over its flits: a separable allocator idles an output when the input it granted takes another grant.
    The port is full where u is 1. Each source holds packets in a queue that gets one with a constant chance per cycle.

    Attributes:
        traffic: Who sends to whom.
        router: Cycles and the two calibrated numbers.
    """

    traffic: Traffic
    router: RouterSpec = field(default_factory=RouterSpec)

    @property
    def grid(self) -> MeshGrid:
        """The mesh."""
        return self.traffic.grid

    @cached_property
    def routes(self) -> MeshRoutes:
        """Links of each flow."""
        return xy_route_links(self.grid, self.traffic.src, self.traffic.dst)

    def link_utilization(self, load: float) -> FloatArray:
        """Flits per cycle on each link: the part of its cycles that it is used. float64[num_links]."""
        return self._ports.rate[: self.grid.num_links] * _check_load(load)

    @cached_property
    def saturation_load(self) -> float:
        """Load at which the first port has no cycle left: its flits and the grants it loses fill them all."""
        return float(1.0 / np.max(self._use_at_full_load, initial=1e-300))

    def waiting_cycles(self, load: float, packet_flits: int) -> FloatArray:
        """Mean wait of a packet at each link, then at the port to each core, in cycles. float64[links + nodes].

        Infinite at ports that are full.

        Args:
            load: Share of the traffic's full rate, 0 or more.
            packet_flits: Length of every packet in flits.
        """
        flits, use = check_packet(packet_flits), self._use_at_full_load * _check_load(load)
        free = np.maximum(1 - use, 1e-300)
        wait = flits * load * self._ports.competing_rate / 2 * (1 + self.router.blocking * use) / free
        return np.where(use < 1, wait, np.inf)

    def source_wait_cycles(self, load: float, packet_flits: int) -> FloatArray:
        """Mean wait of a packet in the queue of each node that sends, in cycles; float64[num_nodes].

        One packet arrives with a constant chance per cycle and leaves in ``packet_flits`` cycles (Geo/D/1).

        Args:
            load: Share of the traffic's full rate, 0 or more.
            packet_flits: Length of every packet in flits.
        """
        rate = np.bincount(self.traffic.src, self.traffic.rate, self.grid.num_nodes) * _check_load(load)
        with np.errstate(divide="ignore"):
            wait = rate * (check_packet(packet_flits) - 1) / (2 * (1 - rate))
        return np.where(rate < 1, wait, np.inf)

    def latency_cycles(self, load: float, packet_flits: int) -> FloatArray:
        """Mean latency of each flow's packets, source queue included, in cycles. float64[F].

        Args:
            load: Share of the traffic's full rate, 0 or more.
            packet_flits: Length of every packet in flits.
        """
        wait = self.waiting_cycles(load, packet_flits)
        on_links, at_core = wait[: self.grid.num_links], wait[self.grid.num_links :]
        idle = self.router.zero_load_cycles(self.routes.hops, packet_flits)
        source = self.source_wait_cycles(load, packet_flits)[self.traffic.src]
        # An infinite wait would poison the running sums of other flows, so those are marked apart.
        stuck = self.routes.sum_over(np.isinf(on_links).astype(np.float64)) > 0
        queued = self.routes.sum_over(np.where(np.isinf(on_links), 0.0, on_links))
        return np.where(stuck, np.inf, idle + source + queued + at_core[self.traffic.dst])

    def mean_latency_cycles(self, load: float, packet_flits: int) -> float:
        """Mean latency over all packets, in cycles; infinite from the saturation load on.

        Args:
            load: Share of the traffic's full rate, 0 or more.
            packet_flits: Length of every packet in flits.
        """
        return float(np.average(self.latency_cycles(load, packet_flits), weights=self.traffic.rate))

    @cached_property
    def _use_at_full_load(self) -> FloatArray:
        """Cycles that each port needs per cycle at load 1, for its flits and for the grants it loses."""
        return self._ports.rate + self.router.allocation_loss * self._ports.declined_rate

    @cached_property
    def _ports(self) -> _Ports:
        grid, flows, routes = self.grid, self.traffic, self.routes
        num_outputs = grid.num_links + grid.num_nodes
        # Every flow's way as (input, output) pairs: from its core's port over its links to the other core's port.
        before = np.insert(routes.link, routes.ptr[:-1], grid.num_links + flows.src)
        after = np.insert(routes.link, routes.ptr[1:], grid.num_links + flows.dst)
        return _ports(before, after, np.repeat(flows.rate, routes.hops + 1), num_outputs)


@dataclass(frozen=True, eq=False)
class _Ports:
    """What the output ports see at load 1; links first, then the ports to the cores.

    Attributes:
        rate: Flits per cycle through each output. float64[P].
        competing_rate: Rate a flit meets from inputs other than its own, mean over the output's flits. float64[P].
        declined_rate: Rate at which a flit's input sends to other outputs, mean over the output's flits. float64[P].
    """

    rate: FloatArray
    competing_rate: FloatArray
    declined_rate: FloatArray


def _ports(before: IntArray, after: IntArray, rate: FloatArray, num_outputs: int) -> _Ports:
    turn, which = np.unique(before * num_outputs + after, return_inverse=True)
    turn_rate = np.bincount(which, rate)
    source, output = np.divmod(turn, num_outputs)
    through: FloatArray = np.bincount(output, turn_rate, num_outputs).astype(np.float64)
    fed = np.bincount(source, turn_rate, num_outputs)
    own = np.bincount(output, turn_rate**2, num_outputs)
    elsewhere = np.bincount(output, turn_rate * (fed[source] - turn_rate), num_outputs)
    used = np.where(through > 0, through, 1.0)
    # A single input leaves a speck of rounding where the competition is none.
    competing = through - own / used
    return _Ports(through, np.where(competing > 1e-12 * through, competing, 0.0), np.maximum(elsewhere / used, 0.0))


def _check_load(load: float) -> float:
    if not np.isfinite(load) or load < 0:
        raise ConfigError(f"load={load}; must be finite and at least 0.")
    return load
