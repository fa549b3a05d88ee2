"""The network on a chip: links of a mesh, dimension-order routes and trees, coarse meshes for the engine, and load.

``mesh`` numbers links and routes; ``tree`` has multicast and reduction; ``rectangle`` moves activations between
rectangles of cores; ``coarse`` makes engine links of blocks of cores; ``router``, ``traffic`` and ``load`` predict the
latency of packets and the rate at which a mesh saturates.
"""

from accelsim.network.noc.coarse import CoarseMesh, MeshFlows, coarse_topology, flow_graph
from accelsim.network.noc.load import LoadedMesh
from accelsim.network.noc.mesh import MeshGrid, MeshRoutes, route_link_bytes, xy_route_links
from accelsim.network.noc.rectangle import (
    Rectangle,
    largest_rectangle,
    rect_to_rect_flows,
    rect_to_rect_transfer,
    rect_to_rects_flows,
)
from accelsim.network.noc.router import RouterSpec
from accelsim.network.noc.traffic import Traffic
from accelsim.network.noc.tree import multicast_link_bytes, multicast_links, reduction_link_bytes, reduction_links

__all__ = [
    "CoarseMesh",
    "LoadedMesh",
    "MeshFlows",
    "MeshGrid",
    "MeshRoutes",
    "Rectangle",
    "RouterSpec",
    "Traffic",
    "coarse_topology",
    "flow_graph",
    "largest_rectangle",
    "multicast_link_bytes",
    "multicast_links",
    "rect_to_rect_flows",
    "rect_to_rect_transfer",
    "rect_to_rects_flows",
    "reduction_link_bytes",
    "reduction_links",
    "route_link_bytes",
    "xy_route_links",
]
