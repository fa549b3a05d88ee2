"""Files of other tools that stand where hardware is described, told by their keys."""

from __future__ import annotations

from accelsim.config.document import Document
from accelsim.errors import ConfigError

#: Keys of a network of ASTRA-sim's analytical backend, each a list with an entry per dimension, innermost first.
_ASTRA_NETWORK = frozenset({"topology", "npus_count", "bandwidth", "latency"})


def refuse_foreign(document: Document) -> None:
    """Refuse the file of another tool, with what it is and how to write it here.

    Args:
        document: A file that states no kind.

    Raises:
        ConfigError: It is one.
    """
    if document.root.children.keys() >= _ASTRA_NETWORK:
        raise ConfigError(
            f"{document.path.name}:1: is a network of ASTRA-sim, not a system: it names no chip. Write a YAML with "
            "schema_version: 1, kind: system, name, description, chip, and under levels one level per dimension, "
            "innermost first, e.g. 'dim0: {topology: ring, size: 4, link: {bandwidth: 50 GB/s, latency: 500 ns}}'. "
            "Topologies: FullyConnected is fully_connected."
        )
