"""Topologies by name; a member is a file with ``@register_topology``."""

from accelsim.network.topology.base import TOPOLOGIES, Topology, build_topology, register_topology

__all__ = ["TOPOLOGIES", "Topology", "build_topology", "register_topology"]
