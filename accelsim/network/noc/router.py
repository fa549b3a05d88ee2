"""One router of an on-chip mesh and its links, in cycles; what a packet takes through an idle network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError
from accelsim.network.noc.mesh import FloatArray


@dataclass(frozen=True, slots=True)
class RouterSpec:
    """A wormhole router with virtual channels and credits, one flit per cycle and port.

    Modelled: the pipeline, link and interface cycles; that input and output ports pass one flit per cycle; the cycles
    lost to allocation (``allocation_loss``) and the growth of queues behind waiting flits (``blocking``). Not modelled:
    the number of virtual channels and the depth of their buffers. The two calibrated numbers hold for 4 channels of 8
    flits with separable single-iteration allocators and credits that come back before a buffer runs dry; fewer
    channels or shallower buffers saturate earlier.

    Attributes:
        routing_cycles: Route computation.
        vc_allocation_cycles: Allocation of a virtual channel.
        switch_allocation_cycles: Allocation of the switch.
        switch_cycles: Crossing the switch.
        link_cycles: Crossing a link, also that between a core and its router.
        interface_cycles: From the end of the source queue to the core's own link.
        allocation_loss: Cycles a port loses per flit that its inputs send to other ports: a separable allocator idles
            an output when the input it granted takes another grant.
        blocking: Growth of waiting with load beyond that of an output queue: waiting flits hold up those behind them.

    Raises:
        ConfigError: A value is negative.

    Source:
        Defaults of the cycles: BookSim 2 (Jiang et al., ISPASS 2013) as set up for
        ``tests/validation/data/booksim2_mesh_latency.csv``. Calibrated values: docs/assumptions.md, NOC-4 and NOC-5.
    """

    routing_cycles: int = 0
    vc_allocation_cycles: int = 1
    switch_allocation_cycles: int = 1
    switch_cycles: int = 1
    link_cycles: int = 1
    interface_cycles: int = 1
    allocation_loss: float = 0.52
    blocking: float = 1.25

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 0:
                raise ConfigError(f"router: {name}={getattr(self, name)}; must be at least 0.")

    @property
    def router_cycles(self) -> int:
        """Cycles of the head flit in one idle router."""
        return self.routing_cycles + self.vc_allocation_cycles + self.switch_allocation_cycles + self.switch_cycles

    @property
    def hop_cycles(self) -> int:
        """Cycles that one more link adds: a router and a link."""
        return self.router_cycles + self.link_cycles

    def zero_load_cycles(self, hops: npt.ArrayLike, packet_flits: int) -> FloatArray:
        """Latency of a packet alone in the network, from its creation to its last flit's arrival, in cycles.

        ``hops`` links between routers mean ``hops + 1`` routers and ``hops + 2`` links, the cores' own included; the
        last flit follows ``packet_flits - 1`` cycles after the head.

        Args:
            hops: Links between routers on the way, a number or an array.
            packet_flits: Length of the packet in flits, at least 1.

        Examples:
            >>> [float(RouterSpec().zero_load_cycles(3, flits)) for flits in (1, 5)]  # 6 + 4 x 3, and 4 more
            [18.0, 22.0]
        """
        links = np.asarray(hops, dtype=np.float64)
        ends = self.interface_cycles + self.router_cycles + 2 * self.link_cycles
        return np.asarray(ends + links * self.hop_cycles + check_packet(packet_flits) - 1, dtype=np.float64)

    def hop_latency_s(self, clock_hz: float) -> float:
        """Time that one more link adds, in seconds, at a router clock."""
        return self.hop_cycles / clock_hz


def check_packet(packet_flits: int) -> int:
    """The size of a packet if it is one.

    Raises:
        ConfigError: It has no flit.
    """
    if packet_flits < 1:
        raise ConfigError(f"packet_flits={packet_flits}; a packet has at least 1 flit.")
    return packet_flits
